/** The promises of src/transport/transport.ts, one test each, run against every transport. */
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ProblemCode } from "../../src/domain/problem.ts";
import type { RemoteDrop, Transport } from "../../src/transport/transport.ts";

export interface TransportFixture {
  readonly transport: Transport;
  /** Remote folders, absolute; both are there. */
  readonly inbound: string;
  readonly outbound: string;
  /** Puts and reads a remote file behind the transport's back. */
  put(path: string, bytes: Buffer): Promise<void>;
  read(path: string): Promise<Buffer | undefined>;
  /** Empties both folders. */
  clear(): Promise<void>;
  stop(): Promise<void>;
}

/** Around the size of one request (32 KiB), of one local block (256 KiB) and of the whole window (2 MiB). */
const SIZES = [0, 1, 32_767, 32_768, 32_769, 262_144, 262_145, 5_000_003];

export async function problemCode(work: Promise<unknown>): Promise<ProblemCode | string> {
  try {
    await work;
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : `not a Problem: ${error}`;
  }
  return "no problem";
}

export function describeTransport(name: string, start: () => Promise<TransportFixture>): void {
  describe(`${name} keeps the promises of a transport`, () => {
    let fixture: TransportFixture;
    let local: string;
    let drop: RemoteDrop;

    beforeAll(async () => {
      fixture = await start();
      local = await mkdtemp(join(tmpdir(), "rescue-transport-"));
    });
    beforeEach(async () => {
      drop = await fixture.transport.connect();
    });
    afterEach(async () => {
      await drop.close();
      await fixture.clear();
      for (const file of await readdir(local)) await rm(join(local, file));
    });
    afterAll(async () => {
      await rm(local, { recursive: true });
      await fixture.stop();
    });

    const inbound = (file: string) => posix.join(fixture.inbound, file);
    const localFile = async (bytes: Buffer | string) => {
      const path = join(local, "source");
      await writeFile(path, bytes);
      return path;
    };

    it.each(SIZES)("sends a file of %i bytes byte for byte, and reads it back the same", async (size) => {
      const bytes = randomBytes(size);
      const expected = { sizeBytes: size, sha256: createHash("sha256").update(bytes).digest("hex") };
      expect(await drop.upload(await localFile(bytes), inbound("batch.csv.part"))).toEqual(expected);
      expect((await fixture.read(inbound("batch.csv.part")))?.equals(bytes)).toBe(true);
      expect(await drop.hash(inbound("batch.csv.part"))).toEqual(expected);
      expect(await drop.download(inbound("batch.csv.part"), join(local, "back"))).toEqual(expected);
      expect((await readFile(join(local, "back"))).equals(bytes)).toBe(true);
      expect((await stat(join(local, "back"))).mode & 0o777).toBe(0o600);
    });

    it("tells of the created file before the first byte, and waits for whoever records it", async () => {
      let seen: Buffer | undefined;
      const onCreated = async () => {
        await new Promise((resolve) => setTimeout(resolve, 50));
        seen = await fixture.read(inbound("a.part"));
      };
      await drop.upload(await localFile("some bytes"), inbound("a.part"), { onCreated });
      expect(seen?.length).toBe(0);
    });

    it("stops an upload whose creation could not be recorded, with the recorder's own error", async () => {
      const onCreated = () => Promise.reject(new Error("the ledger is full"));
      const upload = drop.upload(await localFile("some bytes"), inbound("a.part"), { onCreated });
      await expect(upload).rejects.toThrow("the ledger is full");
      expect((await fixture.read(inbound("a.part")))?.length).toBe(0);
      expect(await drop.list(fixture.inbound)).toHaveLength(1);
    });

    it("counts progress up to the whole size", async () => {
      const sent: number[] = [];
      const received: number[] = [];
      const source = await localFile(randomBytes(300_000));
      await drop.upload(source, inbound("a"), { onProgress: (bytes) => sent.push(bytes) });
      await drop.download(inbound("a"), join(local, "back"), (bytes) => received.push(bytes));
      for (const counts of [sent, received]) {
        expect(counts.at(-1)).toBe(300_000);
        expect(counts).toEqual([...counts].sort((a, b) => a - b));
      }
    });

    it("never writes over a file that is there", async () => {
      await fixture.put(inbound("taken"), Buffer.from("theirs"));
      expect(await problemCode(drop.upload(await localFile("ours"), inbound("taken")))).toBe("remote_failed");
      expect(await problemCode(drop.createEmpty(inbound("taken")))).toBe("remote_failed");
      expect((await fixture.read(inbound("taken")))?.toString()).toBe("theirs");
    });

    it("never writes over a local file, and leaves no half of one behind", async () => {
      await fixture.put(inbound("result.csv"), Buffer.from("new"));
      const kept = await localFile("kept");
      expect(await problemCode(drop.download(inbound("result.csv"), kept))).toBe("disk_failed");
      expect(await readFile(kept, "utf8")).toBe("kept");
      expect(await problemCode(drop.download(inbound("missing.csv"), join(local, "back")))).toBe("remote_failed");
      expect(existsSync(join(local, "back"))).toBe(false);
    });

    it("says that the local file cannot be read, and stays usable", async () => {
      expect(await problemCode(drop.upload(join(local, "missing"), inbound("a.part")))).toBe("disk_failed");
      expect(await drop.stat(inbound("b.part"))).toBeUndefined();
    });

    it("lists files and folders with sizes and times, without . and ..", async () => {
      await fixture.put(inbound("one.csv"), Buffer.from("1234"));
      const root = await drop.list(posix.dirname(fixture.inbound));
      expect(root.filter((entry) => entry.kind === "folder").map((entry) => entry.name)).toEqual(
        expect.arrayContaining([posix.basename(fixture.inbound), posix.basename(fixture.outbound)]),
      );
      expect(root.map((entry) => entry.name)).not.toContain("..");
      const [file, ...others] = await drop.list(fixture.inbound);
      expect(others).toEqual([]);
      expect(file).toMatchObject({ name: "one.csv", kind: "file", sizeBytes: 4 });
      expect(Math.abs((file?.modifiedAt ?? 0) - Date.now())).toBeLessThan(60_000);
    });

    it("lists more files than one answer holds, each once", async () => {
      const names = Array.from({ length: 777 }, (_, index) => `result-${index}.csv`);
      await Promise.all(names.map((file) => fixture.put(inbound(file), Buffer.alloc(0))));
      const listed = (await drop.list(fixture.inbound)).map((entry) => entry.name);
      expect(listed.sort()).toEqual(names.sort());
    });

    it("lists an empty folder as empty", async () => {
      expect(await drop.list(fixture.outbound)).toEqual([]);
    });

    it("looks at a file, and finds none where none is", async () => {
      await fixture.put(inbound("one.csv"), Buffer.from("1234"));
      expect(await drop.stat(inbound("one.csv"))).toMatchObject({ sizeBytes: 4 });
      expect(await drop.stat(inbound("two.csv"))).toBeUndefined();
      expect(await drop.stat(inbound("nowhere/two.csv"))).toBeUndefined();
    });

    it("renames to a free name, and refuses to rename onto a file or from nothing", async () => {
      await fixture.put(inbound("a.part"), Buffer.from("ours"));
      await drop.rename(inbound("a.part"), inbound("a"));
      expect((await fixture.read(inbound("a")))?.toString()).toBe("ours");
      expect(await fixture.read(inbound("a.part"))).toBeUndefined();
      await fixture.put(inbound("b.part"), Buffer.from("other"));
      expect(await problemCode(drop.rename(inbound("b.part"), inbound("a")))).toBe("remote_failed");
      expect((await fixture.read(inbound("a")))?.toString()).toBe("ours");
      expect(await problemCode(drop.rename(inbound("c.part"), inbound("c")))).toBe("remote_failed");
    });

    it("makes an empty trigger file", async () => {
      await drop.createEmpty(inbound("a.trigger"));
      expect((await fixture.read(inbound("a.trigger")))?.length).toBe(0);
    });

    it("removes a file, does not mind that it is gone, and tells the one from the other", async () => {
      await fixture.put(inbound("a.part"), Buffer.from("ours"));
      expect(await drop.remove(inbound("a.part"))).toBe(true);
      expect(await fixture.read(inbound("a.part"))).toBeUndefined();
      expect(await drop.remove(inbound("a.part"))).toBe(false);
    });

    it("names a missing folder as what it is", async () => {
      await fixture.put(inbound("a"), Buffer.from("ours"));
      const nowhere = posix.join(posix.dirname(fixture.inbound), "nowhere");
      const source = await localFile("bytes");
      expect(await problemCode(drop.list(nowhere))).toBe("remote_folder_missing");
      expect(await problemCode(drop.upload(source, `${nowhere}/a`))).toBe("remote_folder_missing");
      expect(await problemCode(drop.createEmpty(`${nowhere}/a`))).toBe("remote_folder_missing");
      expect(await problemCode(drop.rename(inbound("a"), `${nowhere}/a`))).toBe("remote_folder_missing");
      expect(await problemCode(drop.hash(`${nowhere}/a`))).toBe("remote_folder_missing");
      expect(await problemCode(drop.download(`${nowhere}/a`, join(local, "a")))).toBe("remote_folder_missing");
    });

    it("carries several files at once on one connection", async () => {
      const source = await localFile(randomBytes(100_000));
      const names = Array.from({ length: 8 }, (_, index) => inbound(`batch-${index}`));
      const sent = await Promise.all(names.map((path) => drop.upload(source, path)));
      expect(new Set(sent.map((result) => result.sha256)).size).toBe(1);
      expect(await drop.list(fixture.inbound)).toHaveLength(8);
    });

    it("takes paths relative to the login folder", async () => {
      const relative = posix.relative(drop.about.loginFolder, inbound("a"));
      await drop.createEmpty(relative);
      expect(await fixture.read(inbound("a"))).toBeDefined();
    });

    it("ends every call with deadline_reached once the signal is aborted, and does not connect then", async () => {
      const controller = new AbortController();
      const limited = await fixture.transport.connect(controller.signal);
      expect(await limited.list(fixture.inbound)).toEqual([]);
      controller.abort();
      expect(await problemCode(limited.list(fixture.inbound))).toBe("deadline_reached");
      expect(await problemCode(limited.stat(inbound("a")))).toBe("deadline_reached");
      expect(await problemCode(fixture.transport.connect(controller.signal))).toBe("deadline_reached");
      await limited.close();
    });

    it("closes twice without a word, and is over then", async () => {
      await drop.close();
      await drop.close();
      expect(await problemCode(drop.list(fixture.inbound))).toBe("remote_unreachable");
    });
  });
}
