/** What goes wrong in the world: servers that die, freeze, refuse or fill up. Nothing hangs, nothing is called done. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { createSftpTransport } from "../../src/transport/sftp.ts";
import type { SftpSettings } from "../../src/transport/sftp-settings.ts";
import type { RemoteDrop } from "../../src/transport/transport.ts";
import { problemCode } from "../contract/transport-suite.ts";
import { type OpenSsh, type OpenSshOptions, openSshMissing, startOpenSsh } from "../support/openssh.ts";
import { expectNothingOpen, problemOf, settingsFor } from "./fixtures.ts";

const isRoot = process.getuid?.() === 0;
if (!isRoot) process.stderr.write("\n!!! SKIPPED: the full disk, which only root can make\n\n");

const local = mkdtempSync(join(tmpdir(), "rescue-failures-"));
const source = join(local, "batch.csv");
/** Several windows long, so that something is always in flight when it strikes. */
const bytes = randomBytes(40 * 1024 * 1024);
writeFileSync(source, bytes);
afterAll(() => rmSync(local, { recursive: true }));

describe.skipIf(openSshMissing() !== undefined)("SFTP when the server fails", () => {
  let server: OpenSsh;
  let drop: RemoteDrop;
  const start = async (options: OpenSshOptions = {}, changes: Partial<SftpSettings> = {}, signal?: AbortSignal) => {
    server = await startOpenSsh(options);
    drop = await createSftpTransport(settingsFor(server, changes)).connect(signal);
  };
  /** Runs `strike` once in the middle of an upload, and reports how the upload ended and how long after that. */
  const uploadStruckBy = async (strike: () => void) => {
    let struckAt = 0;
    const upload = drop.upload(source, `${server.inbound}/a.part`, {
      onProgress: (sent) => {
        if (struckAt > 0 || sent < 4_000_000) return;
        struckAt = performance.now();
        strike();
      },
    });
    const problem = await problemOf(upload);
    return { problem, afterMs: performance.now() - struckAt };
  };

  afterEach(async () => {
    try {
      const begun = performance.now();
      await drop.close();
      expect(performance.now() - begun).toBeLessThan(3_000);
      // A frozen process of the server does not notice that its connection is gone.
      for (const pid of server.connectionPids()) thaw(pid);
      await expectNothingOpen(server);
    } finally {
      await server.stop();
    }
  });

  const kill = (pids: readonly number[], signal: NodeJS.Signals) => {
    expect(pids.length).toBeGreaterThan(0);
    for (const pid of pids) process.kill(pid, signal);
  };

  it("ends an upload, and every later call, when the connection is killed", async () => {
    await start();
    const { problem, afterMs } = await uploadStruckBy(() => kill(server.connectionPids(), "SIGKILL"));
    expect(problem).toMatchObject({ name: "Problem", code: "remote_unreachable" });
    expect(problem.message).toContain(`cannot upload ${server.inbound}/a.part on 127.0.0.1:${server.port}`);
    expect(problem.hint).toContain("not known");
    expect(afterMs).toBeLessThan(2_000);
    expect(await problemCode(drop.list(server.inbound))).toBe("remote_unreachable");
  });

  it("ends an upload, and every later call, when only the SFTP subsystem is killed", async () => {
    await start();
    const { problem, afterMs } = await uploadStruckBy(() => kill(server.subsystemPids(), "SIGKILL"));
    expect(problem.code).toBe("remote_unreachable");
    expect(afterMs).toBeLessThan(2_000);
    expect(await problemCode(drop.stat(server.inbound))).toBe("remote_unreachable");
  });

  it("notices that the SFTP subsystem died while nothing was asked of it", async () => {
    await start();
    kill(server.subsystemPids(), "SIGKILL");
    await sleep(300);
    const begun = performance.now();
    expect(await problemCode(drop.stat(server.inbound))).toBe("remote_unreachable");
    expect(performance.now() - begun).toBeLessThan(100);
  });

  it("ends all of ten calls at once when the connection is killed", async () => {
    await start();
    kill(server.connectionPids(), "SIGSTOP");
    const calls = [
      ...Array.from({ length: 4 }, (_, index) => drop.upload(source, `${server.inbound}/${index}.part`)),
      ...Array.from({ length: 3 }, () => drop.list(server.inbound)),
      ...Array.from({ length: 3 }, () => drop.rename(`${server.inbound}/a`, `${server.inbound}/b`)),
    ];
    const codes = Promise.all(calls.map(problemCode));
    kill(server.connectionPids(), "SIGKILL");
    expect(new Set(await codes)).toEqual(new Set(["remote_unreachable"]));
  });

  it.each([
    ["the SFTP subsystem", () => server.subsystemPids()],
    ["the whole connection", () => server.connectionPids()],
  ])("gives up after the idle limit when %s is frozen in an upload", async (_, pids) => {
    await start({}, { idleTimeoutMs: 600 });
    const { problem, afterMs } = await uploadStruckBy(() => kill(pids(), "SIGSTOP"));
    expect(problem).toMatchObject({
      code: "remote_unreachable",
      message: expect.stringContaining("no answer for 0.6 s"),
    });
    expect(afterMs).toBeLessThan(5_000);
  });

  it("closes within its limit although the server is frozen", async () => {
    await start();
    kill(server.connectionPids(), "SIGSTOP");
    const begun = performance.now();
    await drop.close();
    expect(performance.now() - begun).toBeLessThan(2_600);
  });

  it("ends an upload in its midst when the signal is aborted", async () => {
    const controller = new AbortController();
    await start({}, {}, controller.signal);
    const { problem, afterMs } = await uploadStruckBy(() => controller.abort());
    expect(problem.code).toBe("deadline_reached");
    expect(afterMs).toBeLessThan(500);
    expect(await problemCode(drop.stat(server.inbound))).toBe("deadline_reached");
  });

  it("ends an upload in its midst when it is closed, with an error and not in silence", async () => {
    await start();
    const { problem } = await uploadStruckBy(() => void drop.close());
    expect(problem.code).toBe("remote_unreachable");
  });

  it("says that a server which refuses rename refuses it, and leaves both names as they are", async () => {
    await start({ sftpFlags: ["-P", "rename,posix-rename,setstat,fsetstat"] });
    await drop.createEmpty(`${server.inbound}/a.part`);
    const problem = await problemOf(drop.rename(`${server.inbound}/a.part`, `${server.inbound}/a`));
    expect(problem).toMatchObject({ code: "permission_denied", hint: expect.stringContaining("provider") });
    expect((await drop.list(server.inbound)).map((entry) => entry.name)).toEqual(["a.part"]);
  });

  it("uploads to a server that refuses setstat and chmod, because it never asks for them", async () => {
    await start({ sftpFlags: ["-P", "setstat,fsetstat,lsetstat,fsync"] });
    expect(drop.about.fsync).toBe(false);
    const sent = await drop.upload(source, `${server.inbound}/a.part`);
    expect(sent.sizeBytes).toBe(bytes.length);
    expect(readFileSync(`${server.inbound}/a.part`).equals(bytes)).toBe(true);
  });

  it("says that a read-only server denies permission, and can still read there", async () => {
    await start({ sftpFlags: ["-R"] });
    writeFileSync(`${server.outbound}/result.csv`, "a line\n");
    expect(await problemCode(drop.upload(source, `${server.inbound}/a.part`))).toBe("permission_denied");
    expect(await problemCode(drop.remove(`${server.outbound}/result.csv`))).toBe("permission_denied");
    expect((await drop.hash(`${server.outbound}/result.csv`)).sizeBytes).toBe(7);
  });

  it("tells what the server is", async () => {
    await start();
    expect(drop.about).toEqual({
      address: `127.0.0.1:${server.port}`,
      hostKeyFingerprint: server.hostKeyFingerprint,
      serverVersion: expect.stringMatching(/^OpenSSH_/),
      fsync: true,
      loginFolder: server.root,
    });
  });

  it.runIf(isRoot)("does not call an upload done on a full disk, and says that the server failed", async () => {
    await start();
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=5m", "tmpfs", server.inbound]);
    try {
      const problem = await problemOf(drop.upload(source, `${server.inbound}/a.part`));
      expect(problem).toMatchObject({ code: "remote_failed", hint: expect.stringContaining("full") });
      expect(statSync(`${server.inbound}/a.part`).size).toBeLessThan(bytes.length);
      // The connection lives, so what is left can be removed.
      await drop.remove(`${server.inbound}/a.part`);
      expect(await drop.list(server.inbound)).toEqual([]);
    } finally {
      execFileSync("umount", [server.inbound]);
    }
  });
});

/** It may have ended since it was listed. */
function thaw(pid: number): void {
  try {
    process.kill(pid, "SIGCONT");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
