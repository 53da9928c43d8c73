/**
 * The SSH side of the sandbox: ssh2's Server on the loopback address, one user, one public key, the sftp subsystem and
 * nothing else.
 */
import { createServer, type Socket } from "node:net";
import ssh2, { type AuthContext, type Connection, type ParsedKey } from "ssh2";
import { type ServedDrop, serveSftp } from "./sftp-session.ts";

export interface SshServerOptions {
  /** 0: any free port. */
  readonly port: number;
  readonly username: string;
  /** An OpenSSH public key line (`ssh-ed25519 AAAA… comment`). */
  readonly userPublicKey: string;
  readonly hostPrivateKey: string;
  readonly drop: ServedDrop;
}

export interface SshServer {
  readonly port: number;
  /** Cuts every connection and frees the port. */
  stop(): Promise<void>;
}

export const SSH_HOST = "127.0.0.1";

/** Rejects if the port is taken; throws if the user's key cannot be read. */
export async function startSshServer(options: SshServerOptions): Promise<SshServer> {
  const userKey = ssh2.utils.parseKey(options.userPublicKey);
  if (userKey instanceof Error) {
    throw new Error(`the sandbox cannot read the user's public key: ${userKey.message}`, { cause: userKey });
  }
  const server = new ssh2.Server({ hostKeys: [options.hostPrivateKey] });
  server.on("connection", (connection) => serveConnection(connection, userKey, options));

  const sockets = new Set<Socket>();
  // A listener of our own: ssh2's leaves Nagle's algorithm on, and small answers would then wait for the client's ACK.
  const listener = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    server.injectSocket(socket);
  });
  await new Promise<void>((resolve, reject) => {
    listener.once("error", reject);
    listener.listen(options.port, SSH_HOST, resolve);
  });
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("a TCP listener without a port");
  return {
    port: address.port,
    stop: () =>
      new Promise((resolve) => {
        listener.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function serveConnection(connection: Connection, userKey: ParsedKey, { username, drop }: SshServerOptions): void {
  connection.on("authentication", (context) => {
    if (isUser(context, username, userKey)) context.accept();
    else context.reject(["publickey"]);
  });
  connection.on("session", (acceptSession) => {
    acceptSession().on("sftp", (acceptSftp) => serveSftp(acceptSftp(), drop));
  });
  // Clients vanish, and scanners send nonsense: either ends that connection only.
  connection.on("error", () => connection.end());
}

/** The key is asked for first without a signature ("would you take it?"), then with one. */
function isUser(context: AuthContext, username: string, userKey: ParsedKey): boolean {
  if (context.method !== "publickey" || context.username !== username) return false;
  if (!context.key.data.equals(userKey.getPublicSSH())) return false;
  if (context.signature === undefined) return true;
  return context.blob !== undefined && userKey.verify(context.blob, context.signature, context.hashAlgo) === true;
}
