/**
 * A server that takes temporary names too, at the worst moment: between the look that found our file and its removal. A
 * removal that finds nothing a moment later is no proof that nobody has the rows.
 */
import { afterEach, describe, expect, test } from "vitest";
import { createInboxMover } from "../../src/pipeline/inbox.ts";
import { submit } from "../../src/pipeline/submit.ts";
import { flex } from "../../src/profiles/flex.ts";
import type { MemoryFault, MemoryRequest } from "../../src/transport/memory.ts";
import { exportCsv, makeMerchant, type TestMerchant } from "../support/pipeline.ts";

const merchants: TestMerchant[] = [];
afterEach(async () => {
  for (const merchant of merchants.splice(0)) await merchant.close();
});

const NAME = "evaluate_mid-1_20261120060000_0001.csv";
type FaultOf = (request: MemoryRequest, merchant: TestMerchant) => MemoryFault | undefined;

/** Three rebills whose first upload is cut off, or refused, in the middle of its bytes; then `atRemoval` has its way. */
async function cutOffInUpload(cut: "cut off" | "refused", atRemoval: FaultOf, ignoresTemporaryNames = false) {
  const server = { isCutting: true, isDown: false };
  const merchant: TestMerchant = await makeMerchant({
    profile: { ...flex, delivery: { ...flex.delivery, ignoresTemporaryNames } },
    fault: (request) => {
      if (request.operation === "remove") return atRemoval(request, merchant);
      if (request.operation === "connect" && server.isDown) return { code: "remote_unreachable", when: "before" };
      if (request.operation !== "write" || !server.isCutting) return undefined;
      Object.assign(server, { isCutting: false, isDown: cut === "cut off" });
      return { code: cut === "cut off" ? "remote_unreachable" : "remote_failed", when: "halfway" };
    },
  });
  merchants.push(merchant);
  const send = async (files: string[] = []) => {
    const context = await merchant.open();
    await submit(context, files, { dryRun: false, reason: "" }, createInboxMover(context));
    const batch = await context.ledger.findBatch("1");
    return { state: batch?.state, detail: batch?.detail, files: [...merchant.drop.files.keys()] };
  };
  const first = await send([await merchant.writeExport("a.csv", exportCsv(3))]);
  server.isDown = false;
  return { merchant, send, first };
}

const take: FaultOf = ({ path }, { drop }) => {
  const file = drop.files.get(path);
  if (file) drop.taken.set(path, file);
  drop.files.delete(path);
  return undefined;
};
function loseOneAnswer(): FaultOf {
  let lost = 0;
  return () => (lost++ === 0 ? { code: "remote_unreachable", when: "after" } : undefined);
}

describe("our temporary file was there a moment ago, and its removal finds nothing", () => {
  test("after a cut-off: the server may have taken it, so the batch is uncertain and nothing goes again", async () => {
    const { send, first, merchant } = await cutOffInUpload("cut off", take);
    expect(first).toMatchObject({ state: "uploading" });
    for (const found of [await send(), await send()]) {
      expect(found).toMatchObject({ state: "uncertain", files: [] });
      expect(found.detail).toContain("before we could remove it");
    }
    expect([...merchant.drop.taken.keys()]).toEqual([`/inbound/${NAME}.1.part`]);
  });

  test("after a refused upload: the same", async () => {
    const { send, first } = await cutOffInUpload("refused", take);
    expect(first).toMatchObject({ state: "uncertain", files: [] });
    expect(await send()).toMatchObject({ state: "uncertain", files: [] });
  });

  test("with a provider that never takes temporary names: it goes again", async () => {
    const { send } = await cutOffInUpload("cut off", take, true);
    expect(await send()).toMatchObject({ state: "delivered", files: [`/inbound/${NAME}`] });
  });
});

describe("the answer to the removal of our temporary file is lost", () => {
  test("it was recorded before that we would remove it, so it goes again", async () => {
    const { send } = await cutOffInUpload("cut off", loseOneAnswer());
    expect(await send()).toMatchObject({ state: "delivered", files: [`/inbound/${NAME}`] });
  });
});

test("a removal that was acknowledged proves that nobody took the file: it goes again", async () => {
  const { send, first } = await cutOffInUpload("cut off", () => undefined);
  expect(first.files).toEqual([`/inbound/${NAME}.1.part`]);
  expect(await send()).toMatchObject({ state: "delivered", files: [`/inbound/${NAME}`] });
});
