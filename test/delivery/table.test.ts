/**
 * Every line of the table in docs/states.md ("After a cut-off"), against OpenSSH: the ledger says how far an earlier run came,
 * the folder shows what is left of it, and the next `submit` decides.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { archiveBatches } from "../../src/pipeline/archive-batches.ts";
import type { PipelineContext } from "../../src/pipeline/context.ts";
import { createInboxMover } from "../../src/pipeline/inbox.ts";
import { RemoteSession } from "../../src/pipeline/session.ts";
import { submit } from "../../src/pipeline/submit.ts";
import { takeExport } from "../../src/pipeline/take-export.ts";
import { flex } from "../../src/profiles/flex.ts";
import type { DeliveryProfile } from "../../src/profiles/profile.ts";
import { createSftpTransport } from "../../src/transport/sftp.ts";
import { type OpenSsh, openSshMissing, startOpenSsh } from "../support/openssh.ts";
import { exportCsv, makeMerchant, type TestMerchant } from "../support/pipeline.ts";

const missing = openSshMissing();
const SEND = { dryRun: false, reason: "" };

type Recorded = "uploading" | "uploaded" | "committing" | "uncertain";

interface CutOff {
  readonly context: PipelineContext;
  /** On this disk; the server's inbound folder. */
  readonly folder: string;
  readonly temporary: string;
  readonly final: string;
  /** What was archived. */
  readonly bytes: Buffer;
  /** The next run: what became of the batch, and what lies in the folder then, by name. */
  resume(): Promise<{ state: string | undefined; name: string; detail: string; files: Record<string, string> }>;
}

describe.skipIf(missing !== undefined)("a delivery that was cut off", () => {
  let server: OpenSsh;
  const merchants: TestMerchant[] = [];
  const sessions: RemoteSession[] = [];
  beforeAll(async () => {
    server = await startOpenSsh();
  });
  afterAll(() => server?.stop());
  afterEach(async () => {
    for (const session of sessions.splice(0)) await session.close();
    for (const merchant of merchants.splice(0)) await merchant.close();
  });

  /** @param created the server had acknowledged our temporary file */
  async function cutOff(
    recorded: Recorded,
    { created = true, ...delivery }: Partial<DeliveryProfile> & { readonly created?: boolean } = {},
  ): Promise<CutOff> {
    const merchant = await makeMerchant({ profile: { ...flex, delivery: { ...flex.delivery, ...delivery } } });
    merchants.push(merchant);
    const folder = await mkdtemp(join(server.root, "inbound-"));
    const { host, port, username, privateKeyPath, hostKeyFingerprint } = server;
    const hostKeys = { pins: [hostKeyFingerprint] };
    const transport = createSftpTransport({ host, port, username, auth: { privateKeyPath }, hostKeys });
    const remote = new RemoteSession(transport, new AbortController().signal);
    sessions.push(remote);
    const opened = await merchant.open();
    const context = { ...opened, remote, merchant: { ...opened.merchant, inbound: folder } };
    await takeExport(context, await merchant.writeExport("a.csv", exportCsv(3)), SEND);
    const { ledger } = context;
    await archiveBatches(context, await ledger.batches("unfinished"));
    const [batch] = await ledger.batches("unfinished");
    if (!batch?.content) throw new Error("nothing was archived");
    const final = join(folder, batch.name);
    const temporary = `${final}.1.part`;
    const fact = { at: merchant.now, recordedAt: merchant.now, try: 1, detail: "" };
    await ledger.recordBatchState(1, "uploading", fact);
    if (created) await ledger.recordTemporary(1, { ...fact, path: temporary });
    const further = { uploading: [], uploaded: ["uploaded"], committing: ["uploaded", "committing"] } as const;
    for (const state of recorded === "uncertain" ? [...further.committing, "uncertain" as const] : further[recorded]) {
      await ledger.recordBatchState(1, state, fact);
    }
    const bytes = await readFile(context.archive.resolve(batch.content.archivePath));
    const resume = async () => {
      await submit(context, [], SEND, createInboxMover(context));
      const then = await ledger.findBatch("1");
      const names = await readdir(folder);
      const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
      const files = Object.fromEntries(names.map((name, index) => [name, texts[index] ?? ""]));
      return { state: then?.state, name: then?.name ?? "", detail: then?.detail ?? "", files };
    };
    return { context, folder, temporary, final, bytes, resume };
  }

  /** Delivered once, whole, under this name, with nothing beside it. */
  const onlyFile = ({ bytes }: CutOff, name: string) => ({ state: "delivered", files: { [name]: bytes.toString() } });

  describe.each(["uploading", "uploaded"] as const)("while it was recorded as %s", (recorded) => {
    test("its temporary file is there: it is removed, and the batch uploaded again", async () => {
      const cut = await cutOff(recorded);
      await writeFile(cut.temporary, cut.bytes.subarray(0, recorded === "uploaded" ? undefined : 50));
      expect(await cut.resume()).toMatchObject(onlyFile(cut, basename(cut.final)));
    });

    test("its temporary file is gone, and the profile promises nothing: uncertain, and nothing is sent", async () => {
      const cut = await cutOff(recorded, { ignoresTemporaryNames: false });
      const found = await cut.resume();
      expect(found).toMatchObject({ state: "uncertain", files: {} });
      expect(found.detail).toContain("our temporary file is gone");
      expect(await cut.resume()).toMatchObject({ state: "uncertain", files: {} });
    });

    test("its temporary file is gone, and the provider never takes such names: uploaded again", async () => {
      const cut = await cutOff(recorded, { ignoresTemporaryNames: true });
      expect(await cut.resume()).toMatchObject(onlyFile(cut, basename(cut.final)));
    });

    test("its final name is somebody else's: it is left alone, burned, and another one is used", async () => {
      const cut = await cutOff(recorded);
      await writeFile(cut.temporary, cut.bytes);
      await writeFile(cut.final, "somebody else's\n");
      const { state, name, files } = await cut.resume();
      expect(state).toBe("delivered");
      expect(name).toMatch(/_0002\.csv$/);
      expect(files).toEqual({ [basename(cut.final)]: "somebody else's\n", [name]: cut.bytes.toString() });
    });
  });

  test("before the server had acknowledged its temporary file: uploaded again, and what it left is removed", async () => {
    for (const isThere of [false, true]) {
      const cut = await cutOff("uploading", { created: false, ignoresTemporaryNames: false });
      if (isThere) await writeFile(cut.temporary, "");
      expect(await cut.resume()).toMatchObject(onlyFile(cut, basename(cut.final)));
    }
  });

  describe("while it was recorded as committing", () => {
    test("the temporary file is whole and the final name free: it is renamed, and not sent again", async () => {
      const cut = await cutOff("committing");
      await writeFile(cut.temporary, cut.bytes);
      expect(await cut.resume()).toMatchObject(onlyFile(cut, basename(cut.final)));
      const events = await cut.context.ledger.batchEvents(1);
      expect(events.filter((event) => event.state === "uploading")).toHaveLength(1);
    });

    test("the temporary file has changed its size: uncertain, and touched by nobody", async () => {
      const cut = await cutOff("committing");
      await writeFile(cut.temporary, "short");
      expect(await cut.resume()).toMatchObject({ state: "uncertain", files: { [basename(cut.temporary)]: "short" } });
    });

    test.each([true, false])("the final name has our file (read back: %s): delivered", async (readBack) => {
      const cut = await cutOff("committing", { readBack });
      await writeFile(cut.final, cut.bytes);
      expect(await cut.resume()).toMatchObject(onlyFile(cut, basename(cut.final)));
    });

    test("the final name has other bytes of our size, and we may read: uncertain, and touched by nobody", async () => {
      const cut = await cutOff("committing", { readBack: true });
      const other = "x".repeat(cut.bytes.length);
      await writeFile(cut.final, other);
      const found = await cut.resume();
      expect(found).toMatchObject({ state: "uncertain", files: { [basename(cut.final)]: other } });
      expect(found.detail).toContain("cannot be proven to be ours");
    });

    test("both names are gone: uncertain, and nothing is sent", async () => {
      const cut = await cutOff("committing");
      expect(await cut.resume()).toMatchObject({ state: "uncertain", files: {} });
      expect(await cut.resume()).toMatchObject({ state: "uncertain", files: {} });
    });

    test("both names are there with our bytes, and we may read: delivered, and our temporary file is removed", async () => {
      const cut = await cutOff("committing", { readBack: true });
      await writeFile(cut.temporary, cut.bytes);
      await writeFile(cut.final, cut.bytes);
      expect(await cut.resume()).toMatchObject(onlyFile(cut, basename(cut.final)));
    });

    test("both names are there, and only the size tells: uncertain, and neither is touched", async () => {
      const cut = await cutOff("committing", { readBack: false });
      await writeFile(cut.temporary, cut.bytes);
      await writeFile(cut.final, cut.bytes);
      const { state, files } = await cut.resume();
      expect(state).toBe("uncertain");
      expect(Object.keys(files).toSorted()).toEqual([basename(cut.final), basename(cut.temporary)]);
    });

    test.each([true, false])(
      "the final name has another size (our temporary file there: %s): touched by nobody",
      async (isThere) => {
        const cut = await cutOff("committing", { readBack: true });
        await writeFile(cut.final, "another\n");
        if (isThere) await writeFile(cut.temporary, cut.bytes);
        const found = await cut.resume();
        expect(found.state).toBe("uncertain");
        expect(found.detail).toContain(`has 8 bytes, ours has ${cut.bytes.length}`);
        expect(found.files).toEqual({
          [basename(cut.final)]: "another\n",
          ...(isThere ? { [basename(cut.temporary)]: cut.bytes.toString() } : {}),
        });
      },
    );

    test("a rename that was still in flight at the first look is seen at the second", async () => {
      const cut = await cutOff("committing");
      const delay = async () => writeFile(cut.final, cut.bytes);
      await submit({ ...cut.context, delay }, [], SEND, createInboxMover(cut.context));
      expect((await cut.context.ledger.findBatch("1"))?.state).toBe("delivered");
    });

    test("a link from one name to the other that was cut in half (both at the first look) ends as delivered", async () => {
      const cut = await cutOff("committing", { readBack: false });
      await writeFile(cut.temporary, cut.bytes);
      await writeFile(cut.final, cut.bytes);
      await submit({ ...cut.context, delay: () => rm(cut.temporary) }, [], SEND, createInboxMover(cut.context));
      expect((await cut.context.ledger.findBatch("1"))?.state).toBe("delivered");
      expect(await readdir(cut.folder)).toEqual([basename(cut.final)]);
    });
  });

  describe("while it was recorded as uncertain", () => {
    test("our file turns up under its final name: delivered", async () => {
      const cut = await cutOff("uncertain");
      expect(await cut.resume()).toMatchObject({ state: "uncertain", files: {} });
      await writeFile(cut.final, cut.bytes);
      expect(await cut.resume()).toMatchObject(onlyFile(cut, basename(cut.final)));
    });

    test("only our temporary file turns up: uncertain still, and it is not renamed", async () => {
      const cut = await cutOff("uncertain");
      await writeFile(cut.temporary, cut.bytes);
      expect(await cut.resume()).toMatchObject({
        state: "uncertain",
        files: { [basename(cut.temporary)]: cut.bytes.toString() },
      });
    });
  });

  describe("on a server without rename", () => {
    test.each([
      ["our file is there whole: delivered", (bytes: Buffer) => bytes, "delivered"],
      [
        "our file is there in part: uncertain, and touched by nobody",
        (bytes: Buffer) => bytes.subarray(0, 100),
        "uncertain",
      ],
      ["the file is gone: uncertain", () => undefined, "uncertain"],
    ])("%s", async (_what, leave, state) => {
      const cut = await cutOff("committing", { commit: "direct", created: false, readBack: false });
      const left = leave(cut.bytes);
      if (left) await writeFile(cut.final, left);
      const files = left ? { [basename(cut.final)]: left.toString() } : {};
      expect(await cut.resume()).toMatchObject({ state, files });
    });
  });

  test("a batch that cannot be proven does not keep the next one from being sent", async () => {
    const cut = await cutOff("committing");
    const path = join(cut.folder, "..", `next-${basename(cut.folder)}.csv`);
    await writeFile(path, exportCsv(2, { from: 10 }));
    await submit(cut.context, [path], SEND, createInboxMover(cut.context));
    expect((await cut.context.ledger.batches("all")).map((batch) => batch.state)).toEqual(["uncertain", "delivered"]);
    expect(await readdir(cut.folder)).toHaveLength(1);
  });
});
