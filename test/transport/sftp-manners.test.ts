/** Servers with manners of their own, and servers that stop answering: what OpenSSH cannot be made to do. */
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { readHostKey } from "../../src/transport/host-key.ts";
import { generateKeyPair } from "../../src/transport/key-pair.ts";
import { createSftpTransport } from "../../src/transport/sftp.ts";
import type { SftpSettings } from "../../src/transport/sftp-settings.ts";
import { describeTransport, problemCode } from "../contract/transport-suite.ts";
import { type EmbeddedManners, type EmbeddedServer, startEmbeddedServer } from "./embedded-server.ts";
import { expectNothingOpen } from "./fixtures.ts";

describeTransport("SFTP to a server that is not OpenSSH", async () => {
  const folder = mkdtempSync(join(tmpdir(), "rescue-embedded-"));
  const line = await generateKeyPair(join(folder, "host"), "embedded");
  const server = await startEmbeddedServer(readFileSync(join(folder, "host"), "utf8"), { shortReads: true });
  return {
    transport: createSftpTransport({
      ...{ host: "127.0.0.1", port: server.port, username: "acme", auth: { password: "any" } },
      hostKeys: { pins: [fingerprintOfLine(line)] },
    }),
    inbound: "/inbound",
    outbound: "/outbound",
    put: async (path, bytes) => void server.files.set(path, bytes),
    read: async (path) => server.files.get(path),
    clear: async () => server.files.clear(),
    stop: async () => {
      await expectNothingOpen();
      await server.stop();
      rmSync(folder, { recursive: true });
    },
  };
});

function fingerprintOfLine(publicLine: string): string {
  return readHostKey(Buffer.from(publicLine.split(" ")[1] ?? "", "base64")).fingerprint;
}

describe("SFTP to servers with their own manners", () => {
  const local = mkdtempSync(join(tmpdir(), "rescue-manners-"));
  const source = join(local, "batch.csv");
  const bytes = randomBytes(700_001);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  let hostKey = "";
  let pin = "";
  let server: EmbeddedServer | undefined;

  beforeAll(async () => {
    writeFileSync(source, bytes);
    const line = await generateKeyPair(join(local, "host"), "embedded");
    hostKey = readFileSync(join(local, "host"), "utf8");
    pin = fingerprintOfLine(line);
  });
  afterEach(async () => {
    await server?.stop();
    await expectNothingOpen();
  });
  afterAll(() => rmSync(local, { recursive: true }));

  const connectTo = async (manners: EmbeddedManners, changes: Partial<SftpSettings> = {}) => {
    server = await startEmbeddedServer(hostKey, manners);
    return createSftpTransport({
      ...{ host: "127.0.0.1", port: server.port, username: "acme" },
      auth: { password: "a password" },
      hostKeys: { pins: [pin] },
      ...changes,
    }).connect();
  };

  it("puts short reads together", async () => {
    const drop = await connectTo({ shortReads: true });
    server?.files.set("/outbound/result.csv", bytes);
    expect(await drop.download("/outbound/result.csv", join(local, "back"))).toEqual({
      sizeBytes: bytes.length,
      sha256,
    });
    expect(readFileSync(join(local, "back")).equals(bytes)).toBe(true);
    await drop.close();
  });

  it.each([
    ["shrinks", 100_000, 40_000],
    ["grows", 100_000, 700_001],
  ])("reads a file that %s meanwhile to where it ends", async (_, before, after) => {
    const change = () => server?.files.set("/outbound/a", bytes.subarray(0, after));
    const drop = await connectTo({
      fault: (act, nth) => {
        if (act === "read" && nth === 2) change();
        return undefined;
      },
    });
    server?.files.set("/outbound/a", bytes.subarray(0, before));
    expect((await drop.hash("/outbound/a")).sizeBytes).toBe(after);
    await drop.close();
  });

  it("is refused by a server that wants one write after the other, and pleases it with concurrency 1", async () => {
    const pipelined = await connectTo({ sequentialWrites: true });
    expect(await problemCode(pipelined.upload(source, "/inbound/a"))).toBe("remote_failed");
    await pipelined.close();
    await server?.stop();
    const sequential = await connectTo({ sequentialWrites: true }, { concurrency: 1 });
    expect((await sequential.upload(source, "/inbound/a")).sha256).toBe(sha256);
    expect(server?.files.get("/inbound/a")?.equals(bytes)).toBe(true);
    await sequential.close();
  });

  it.each([["open"], ["write"], ["close"], ["stat"]] as const)(
    "does not call an upload done whose %s is never answered: the idle limit ends it, and the connection",
    async (silent) => {
      const drop = await connectTo(
        { fault: (act) => (act === silent ? "no answer" : undefined) },
        { idleTimeoutMs: 300 },
      );
      const begun = performance.now();
      expect(await problemCode(drop.upload(source, "/inbound/a"))).toBe("remote_unreachable");
      expect(performance.now() - begun).toBeLessThan(2_000);
      expect(await problemCode(drop.list("/inbound"))).toBe("remote_unreachable");
      await drop.close();
    },
  );

  it.each([
    ["list", "opendir"],
    ["list", "readdir"],
    ["stat", "stat"],
    ["rename", "rename"],
    ["remove", "remove"],
    ["hash", "read"],
  ] as const)("does not wait for ever for the answer of a %s (%s)", async (call, silent) => {
    const drop = await connectTo(
      { fault: (act) => (act === silent ? "no answer" : undefined) },
      { idleTimeoutMs: 300 },
    );
    server?.files.set("/inbound/a", bytes);
    const work =
      call === "rename"
        ? drop.rename("/inbound/a", "/inbound/b")
        : drop[call](call === "list" ? "/inbound" : "/inbound/a");
    expect(await problemCode(work)).toBe("remote_unreachable");
    await drop.close();
  });

  it("keeps a slow server that still answers, far longer than the idle limit in all", async () => {
    const drop = await connectTo({ busyMs: 50 }, { idleTimeoutMs: 400 });
    expect((await drop.upload(source, "/inbound/a")).sha256).toBe(sha256);
    await drop.close();
  });

  it.each([
    [1, 4, "remote_failed"],
    [7, 4, "remote_failed"],
    [22, 4, "remote_failed"],
    [3, 3, "permission_denied"],
  ])("reports the failure of write %i (status %i), and the connection lives on", async (at, status, code) => {
    const drop = await connectTo({ fault: (act, nth) => (act === "write" && nth === at ? status : undefined) });
    expect(await problemCode(drop.upload(source, "/inbound/a"))).toBe(code);
    expect((await drop.list("/inbound")).map((entry) => entry.name)).toEqual(["a"]);
    await drop.close();
  });

  it("reports a failure that only CLOSE tells, and a size that is not what was sent", async () => {
    const failing = await connectTo({ fault: (act) => (act === "close" ? 4 : undefined) });
    expect(await problemCode(failing.upload(source, "/inbound/a"))).toBe("remote_failed");
    await failing.close();
    await server?.stop();
    const files = () => server?.files;
    const short = await connectTo({
      fault: (act) => {
        if (act === "close") files()?.set("/inbound/a", bytes.subarray(0, 5));
        return undefined;
      },
    });
    await expect(short.upload(source, "/inbound/a")).rejects.toThrow("has 5 bytes after 700001 were acknowledged");
    await short.close();
  });

  it.each([4, 11])("takes status %i of an exclusive create as: it may exist", async (status) => {
    const drop = await connectTo({ fault: (act) => (act === "open" ? status : undefined) });
    const upload = drop.upload(source, "/inbound/a");
    await expect(upload).rejects.toMatchObject({
      code: "remote_failed",
      hint: expect.stringContaining("may be there"),
    });
    await drop.close();
  });

  it("does not take a failing look for a missing file", async () => {
    const drop = await connectTo({ fault: (act) => (act === "stat" ? 4 : undefined) });
    expect(await problemCode(drop.stat("/inbound/a"))).toBe("remote_failed");
    await drop.close();
  });

  it("knows files by the long name where a server sends no mode", async () => {
    const drop = await connectTo({ listsWithoutMode: true });
    server?.files.set("/inbound/a", bytes);
    expect(await drop.list("/inbound")).toMatchObject([{ name: "a", kind: "file", sizeBytes: bytes.length }]);
    await drop.close();
  });

  it("logs in without a login folder where a server will not tell it, and gives up one that never answers", async () => {
    const drop = await connectTo({ fault: (act) => (act === "realpath" ? 8 : undefined) });
    expect(drop.about).toMatchObject({ loginFolder: ".", fsync: false, hostKeyFingerprint: pin });
    await drop.close();
    await server?.stop();
    const silent = connectTo({ fault: () => "no answer" }, { connectTimeoutMs: 300 });
    expect(await problemCode(silent)).toBe("remote_unreachable");
  });

  it("logs in with a password, asked for or not", async () => {
    await (await connectTo({ password: "a password" })).close();
    expect(server?.logins).toEqual(["password"]);
    await server?.stop();
    await (await connectTo({ password: "a password", asksQuestions: true })).close();
    expect(server?.logins).toEqual(["password", "keyboard-interactive"]);
  });

  it("is told that the password is wrong, without the password in the message", async () => {
    const refused = connectTo({ password: "another" }, { auth: { password: "hunter2 is secret" } });
    const error: Error = await refused.then(
      () => new Error("logged in"),
      (reason) => reason,
    );
    expect(error).toMatchObject({ code: "authentication_refused" });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain("hunter2");
  });
});
