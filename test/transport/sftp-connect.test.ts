/** What goes wrong before there is a session: nobody there, silence, nonsense, no SFTP. Nothing is sent in any of these. */
import { connect as connectSocket, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createSftpTransport } from "../../src/transport/sftp.ts";
import type { SftpSettings } from "../../src/transport/sftp-settings.ts";
import { problemCode } from "../contract/transport-suite.ts";
import { type OpenSsh, openSshMissing, startOpenSsh } from "../support/openssh.ts";
import { expectNothingOpen, problemOf, settingsFor } from "./fixtures.ts";

describe.skipIf(openSshMissing() !== undefined)("SFTP when connecting fails", () => {
  let server: OpenSsh;
  let listener: Server;
  let sockets: Socket[];
  let port: number;
  let onSocket: (socket: Socket) => void;

  beforeAll(async () => {
    server = await startOpenSsh();
  });
  beforeEach(async () => {
    sockets = [];
    onSocket = () => {};
    listener = createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {}).resume();
      onSocket(socket);
    });
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    const address = listener.address();
    port = typeof address === "object" && address !== null ? address.port : 0;
  });
  afterEach(async () => {
    listener.close();
    for (const socket of sockets) socket.destroy();
    await expectNothingOpen(server);
  });
  afterAll(() => server.stop());

  const connect = (changes: Partial<SftpSettings> = {}, signal?: AbortSignal) =>
    createSftpTransport(settingsFor(server, { port, ...changes })).connect(signal);

  it("gives up a server that never says a word, after three tries of the limit each", async () => {
    const begun = performance.now();
    const problem = await problemOf(connect({ connectTimeoutMs: 200 }));
    expect(problem).toMatchObject({ code: "remote_unreachable", hint: expect.stringContaining("Nothing was sent") });
    expect(problem.message).toMatch(/^cannot reach 127\.0\.0\.1:\d+ \(timed out; 3 tries in 3 s\)$/);
    expect(performance.now() - begun).toBeLessThan(4_500);
    expect(sockets).toHaveLength(3);
  });

  it("tries three times when the server hangs up, resets, or is no SSH server, then says that it cannot be reached", async () => {
    const manners: ((socket: Socket) => void)[] = [
      (socket) => socket.end(),
      (socket) => socket.resetAndDestroy(),
      (socket) => socket.end("SSH-2.0-test\r\n"),
      (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"),
    ];
    let next = 0;
    onSocket = (socket) => manners[next++ % manners.length]?.(socket);
    const codes = await Promise.all(manners.map(() => problemCode(connect())));
    expect(codes).toEqual(manners.map(() => "remote_unreachable"));
    expect(sockets).toHaveLength(3 * manners.length);
  });

  it("connects to a server that is there a moment later", async () => {
    const answers = [(socket: Socket) => socket.resetAndDestroy(), (socket: Socket) => socket.end()];
    onSocket = (socket) => {
      const manner = answers.shift();
      if (manner) manner(socket);
      else forward(socket, server.port);
    };
    const drop = await connect();
    expect(await drop.list("inbound")).toEqual([]);
    await drop.close();
    expect(sockets).toHaveLength(3);
  });

  it("says refused where nobody listens, and does not try names that do not exist again", async () => {
    listener.close();
    await sleep(10);
    const refused = await problemOf(connect());
    expect(refused.message).toContain("connection refused; 3 tries");
    const begun = performance.now();
    const unknown = await problemOf(connect({ host: "sftp.invalid" }));
    expect(unknown.code).toBe("remote_unreachable");
    expect(unknown.message).toMatch(/^cannot reach sftp\.invalid:\d+/);
    if (unknown.message.includes("no such host name")) expect(performance.now() - begun).toBeLessThan(2_000);
  });

  it("ends a try, and the wait between tries, at once when the signal is aborted", async () => {
    for (const manner of [() => {}, (socket: Socket) => socket.resetAndDestroy()]) {
      onSocket = manner;
      const begun = performance.now();
      expect(await problemCode(connect({}, AbortSignal.timeout(200)))).toBe("deadline_reached");
      expect(performance.now() - begun).toBeLessThan(1_000);
    }
  });

  it("says that a user without SFTP has none, without trying again", async () => {
    const shellOnly = await startOpenSsh({ config: ["Match all", "ForceCommand /bin/false"] });
    const begun = performance.now();
    const problem = await problemOf(createSftpTransport(settingsFor(shellOnly)).connect());
    expect(problem).toMatchObject({ code: "remote_failed", message: expect.stringContaining("gives no SFTP session") });
    expect(performance.now() - begun).toBeLessThan(2_000);
    await shellOnly.stop();
  });
});

function forward(socket: Socket, port: number): void {
  const upstream = connectSocket(port, "127.0.0.1");
  upstream.on("error", () => socket.destroy());
  socket.pipe(upstream).pipe(socket);
}
