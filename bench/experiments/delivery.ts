/** `submit`: the whole night's work, on a short line against its parts, on a long one against the best copiers. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { startDelayProxy } from "../delay-proxy.ts";
import { type Contestant, takeTurns } from "../measure.ts";
import { lftp, type Peer, rclone, type Server, sftpBatch } from "../peers/transfers.ts";
import type { Stage } from "../stage.ts";
import { atMost, barOf, type Findings, fastestOf, sumOf } from "../table.ts";
import { insertInto } from "./plain-insert.ts";

const ROUND_TRIP_MS = 50;

/** Against the sum of what must be done anyway, each part by its plainest means. */
export async function submit(stage: Stage): Promise<Findings> {
  const { data, server } = stage;
  const files = (await stage.submitted()).inbound;
  const turns = await takeTurns(
    [
      { name: "submit", run: async () => (await stage.merchant("submit")).submit(data) },
      { name: "its delivery alone", run: await deliveryOf(stage, files, server) },
      { name: "dry run", run: async () => (await stage.merchant("submit")).dryRun(data) },
      { name: "plain insert", run: () => insertInto(stage, "attempts") },
      { name: sftpBatch.name, run: transferOf(sftpBatch, stage, files, server) },
    ],
    stage.rounds,
    stage.say,
  );
  const sftp = turns.of(sftpBatch.name);
  const parts = sumOf([turns.of("dry run"), turns.of("plain insert"), sftp]);
  return {
    measured: turns.all,
    targets: [
      atMost("submit, against its parts", turns.of("submit"), parts, 1.2),
      atMost("its delivery alone", turns.of("its delivery alone"), barOf(sftp), undefined),
    ],
  };
}

export async function longLine(stage: Stage): Promise<Findings> {
  const { data } = stage;
  const files = (await stage.submitted()).inbound;
  const proxy = await startDelayProxy(stage.server.port, ROUND_TRIP_MS);
  const far = { ...stage.server, port: proxy.port };
  const at = (name: string) => `${name}, ${ROUND_TRIP_MS} ms`;
  try {
    const turns = await takeTurns(
      [
        { name: at("submit"), run: async () => (await stage.merchant("submit", far)).submit(data) },
        { name: at("its delivery alone"), run: await deliveryOf(stage, files, far) },
        { name: at(rclone.name), run: transferOf(rclone, stage, files, far) },
        { name: at(lftp.name), run: transferOf(lftp, stage, files, far) },
      ],
      stage.rounds,
      stage.say,
    );
    const best = fastestOf([turns.of(at(rclone.name)), turns.of(at(lftp.name))]);
    return {
      measured: turns.all,
      targets: [
        atMost(`submit, ${ROUND_TRIP_MS} ms round trip`, turns.of(at("submit")), best, 1),
        atMost(
          `its delivery alone, ${ROUND_TRIP_MS} ms round trip`,
          turns.of(at("its delivery alone")),
          best,
          undefined,
        ),
      ],
    };
  } finally {
    await proxy.stop();
  }
}

/** `submit` of batches that are archived already: what is left is to send, check and rename them. */
async function deliveryOf(stage: Stage, files: string, server: Server) {
  const prepared = await stage.prepared();
  const { length } = await readdir(files);
  return async () => {
    const merchant = await stage.merchant("deliver", server);
    await merchant.restore(prepared);
    return merchant.deliver(stage.data, length);
  };
}

function transferOf(peer: Peer, stage: Stage, files: string, server: Server): Contestant["run"] {
  if (peer.missing !== undefined) return peer.missing;
  return async () => {
    const folder = await stage.scratch("transfer");
    const into = await stage.scratch(join("transfer", "arrived"));
    return peer.send({ files, into, server, folder });
  };
}
