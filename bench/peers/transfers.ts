/** The programs that people use to put a folder of files on an SFTP server, with the fastest plain options of each. */
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findProgram } from "../../test/support/openssh.ts";
import { type Measurement, runProcess } from "../measure.ts";

export interface Server {
  readonly port: number;
  readonly username: string;
  readonly privateKeyPath: string;
  /** `ssh-ed25519 AAAA…` */
  readonly hostPublicKey: string;
}

export interface Transfer {
  /** What lies in it is sent. */
  readonly files: string;
  /** On the server, empty; the same machine, so that the number of files can be checked. */
  readonly into: string;
  readonly server: Server;
  /** Scratch. */
  readonly folder: string;
}

export interface Peer {
  readonly name: string;
  /** Why it cannot run; undefined: it can. */
  readonly missing: string | undefined;
  readonly send: (transfer: Transfer) => Promise<Measurement>;
}

export const sftpBatch: Peer = {
  name: "sftp -b",
  missing: missing("sftp", "openssh-client"),
  send: async (transfer) => {
    const batch = join(transfer.folder, "put.txt");
    await writeFile(batch, `put ${transfer.files}/* ${transfer.into}/\n`);
    return sendAll(transfer, "sftp", ["-q", "-b", batch, ...(await sshOptions(transfer, "-P")), address(transfer)]);
  },
};

export const rclone: Peer = {
  name: "rclone copy --transfers 8",
  missing: missing("rclone", "rclone"),
  send: async (transfer) => {
    const { port, username, privateKeyPath } = transfer.server;
    const host = ["--sftp-host", "127.0.0.1", "--sftp-port", String(port), "--sftp-user", username];
    // Without a shell type it asks the server for a shell, which an SFTP-only server has not.
    const key = ["--sftp-key-file", privateKeyPath, "--sftp-shell-type", "none", "--config", "/dev/null"];
    return sendAll(transfer, "rclone", [
      "copy",
      "--transfers",
      "8",
      ...host,
      ...key,
      transfer.files,
      `:sftp:${transfer.into}`,
    ]);
  },
};

export const lftp: Peer = {
  name: "lftp mirror -R -P8",
  missing: missing("lftp", "lftp"),
  send: async (transfer) => {
    const ssh = ["ssh -a -x", ...(await sshOptions(transfer, "-p"))].join(" ");
    const script = [
      `set sftp:connect-program "${ssh}"`,
      "set cmd:fail-exit true",
      `open -p ${transfer.server.port} -u ${transfer.server.username},none sftp://127.0.0.1`,
      `mirror -R -P8 ${transfer.files} ${transfer.into}`,
    ];
    return sendAll(transfer, "lftp", ["--norc", "-c", script.join("; ")]);
  },
};

/** Logs in and out again: what any program pays for its connection. */
export async function onlyConnect(transfer: Omit<Transfer, "files" | "into">): Promise<Measurement> {
  const options = await sshOptions(transfer, "-P");
  const args = ["-q", "-b", "/dev/null", ...options, address(transfer)];
  return runProcess("sftp", args, { cwd: transfer.folder, wallOnly: true });
}

function missing(program: string, debianPackage: string): string | undefined {
  return findProgram(program) === undefined ? `not installed (apt-get install ${debianPackage})` : undefined;
}

async function sendAll(transfer: Transfer, command: string, args: readonly string[]): Promise<Measurement> {
  const measured = await runProcess(command, args, { cwd: transfer.folder, env: { HOME: transfer.folder } });
  const [sent, arrived] = [await readdir(transfer.files), await readdir(transfer.into)];
  if (arrived.length !== sent.length) throw new Error(`${command} sent ${arrived.length} of ${sent.length} files`);
  return measured;
}

function address({ server }: Pick<Transfer, "server">): string {
  return `${server.username}@127.0.0.1`;
}

async function sshOptions(
  { server, folder }: Pick<Transfer, "server" | "folder">,
  port: "-p" | "-P",
): Promise<string[]> {
  const knownHosts = join(folder, "known_hosts");
  await writeFile(knownHosts, `[127.0.0.1]:${server.port} ${server.hostPublicKey}\n`);
  const options = [
    "IdentitiesOnly=yes",
    `UserKnownHostsFile=${knownHosts}`,
    "StrictHostKeyChecking=yes",
    "LogLevel=ERROR",
  ];
  return [
    port,
    String(server.port),
    "-F",
    "/dev/null",
    "-i",
    server.privateKeyPath,
    ...options.flatMap((one) => ["-o", one]),
  ];
}
