/**
 * Real SFTP servers that are not OpenSSH, each started as a program of its own, on any free port, with keys of its own, for
 * whoever runs the tests. All of them show the folders of this machine under their own paths.
 *
 * `missingServers()` says loudly which are not installed; with RESCUE_REQUIRE_ALL=1 that is an error.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { generateKeyPair } from "../../src/transport/key-pair.ts";
import type { ServerForMerchants } from "./e2e.ts";
import { findFreePort, findProgram, fingerprintOf } from "./openssh.ts";

export interface OtherServer extends ServerForMerchants {
  stop(): Promise<void>;
}

/** Debian's own interpreter: the one that Debian's python3-asyncssh belongs to. */
const PYTHON = "/usr/bin/python3";
const ASYNCSSH = join(import.meta.dirname, "asyncssh-server.py");

interface Recipe {
  /** The Debian packages that bring it. */
  readonly packages: string;
  isInstalled(): boolean;
  /** Writes what it needs into the folder (host_key, user_key and their .pub are there); returns program and arguments. */
  prepare(folder: string, port: number): Promise<readonly [program: string, ...args: string[]]>;
}

const RECIPES = {
  ProFTPD: {
    packages: "proftpd-core proftpd-mod-crypto",
    isInstalled: () => findProgram("proftpd") !== undefined && existsSync("/usr/lib/proftpd/mod_sftp.so"),
    prepare: async (folder, port) => {
      const { username, uid, gid } = userInfo();
      // Its own form of public keys (RFC 4716), and its own list of users.
      const key = execFileSync("ssh-keygen", ["-e", "-f", join(folder, "user_key.pub")], { encoding: "utf8" });
      await writeFile(join(folder, "authorized_keys"), key);
      await writeFile(join(folder, "users"), `${username}:*:${uid}:${gid}::${folder}:/bin/sh\n`, { mode: 0o600 });
      await writeFile(join(folder, "config"), proftpdConfig(folder, port));
      return [findProgram("proftpd") ?? "proftpd", "-n", "-c", join(folder, "config")];
    },
  },
  rclone: {
    packages: "rclone",
    isInstalled: () => findProgram("rclone") !== undefined,
    prepare: async (folder, port) => {
      const keys = ["--key", join(folder, "host_key"), "--authorized-keys", join(folder, "user_key.pub")];
      // It remembers listings; a result that came meanwhile is seen when it forgets them.
      const listings = ["--dir-cache-time", "10ms", "--config", join(folder, "rclone.conf")];
      return ["rclone", "serve", "sftp", "/", "--addr", `127.0.0.1:${port}`, ...keys, ...listings];
    },
  },
  AsyncSSH: {
    packages: "python3-asyncssh",
    isInstalled: () => {
      try {
        execFileSync(PYTHON, ["-W", "ignore", "-c", "import asyncssh"], { stdio: "ignore" });
        return true;
      } catch {
        return false;
      }
    },
    prepare: async (folder, port) => [PYTHON, "-W", "ignore", ASYNCSSH, folder, String(port)],
  },
} satisfies Readonly<Record<string, Recipe>>;

export type OtherServerName = keyof typeof RECIPES;
export const OTHER_SERVERS = Object.keys(RECIPES) as OtherServerName[];

/** Those that cannot be started here, which was also written to stderr. */
export function missingServers(): OtherServerName[] {
  const missing = OTHER_SERVERS.filter((name) => !RECIPES[name].isInstalled());
  for (const name of missing) {
    const reason = `${name} is not installed (Debian: apt-get install ${RECIPES[name].packages})`;
    if (process.env["RESCUE_REQUIRE_ALL"] === "1") throw new Error(reason);
    process.stderr.write(`\n!!! SKIPPED: ${reason}\n\n`);
  }
  return missing;
}

export async function startOtherServer(name: OtherServerName): Promise<OtherServer> {
  const folder = await mkdtemp(join(tmpdir(), "rescue-zoo-"));
  await mkdir(join(folder, "root"));
  for (const key of ["host_key", "user_key"]) await generateKeyPair(join(folder, key), "rescue test");
  const port = await findFreePort();
  const [program, ...args] = await RECIPES[name].prepare(folder, port);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  }
  await waitForListener(name, child, port, () => said);
  return {
    host: "127.0.0.1",
    port,
    username: userInfo().username,
    privateKeyPath: join(folder, "user_key"),
    hostKeyFingerprint: fingerprintOf(join(folder, "host_key")),
    root: join(folder, "root"),
    stop: async () => {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      if (child.exitCode === null && child.kill("SIGTERM")) await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function waitForListener(name: string, child: ChildProcess, port: number, said: () => string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (child.exitCode === null && Date.now() < deadline) {
    if (await answers(port)) return;
    await sleep(20);
  }
  child.kill("SIGKILL");
  throw new Error(`${name} did not start: ${said()}`);
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const tell = (isThere: boolean) => () => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once("connect", tell(true)).once("error", tell(false));
  });
}

function proftpdConfig(folder: string, port: number): string {
  const { username } = userInfo();
  return [
    "ServerName zoo",
    "ServerType standalone",
    "DefaultAddress 127.0.0.1",
    `Port ${port}`,
    "UseIPv6 off",
    "ModulePath /usr/lib/proftpd",
    "LoadModule mod_sftp.c",
    `User ${username}`,
    `Group ${execFileSync("id", ["-gn"], { encoding: "utf8" }).trim()}`,
    "RootLogin on",
    "UseFtpUsers off",
    `AuthUserFile ${join(folder, "users")}`,
    "AuthOrder mod_auth_file.c",
    "RequireValidShell off",
    `PidFile ${join(folder, "pid")}`,
    `ScoreboardFile ${join(folder, "scoreboard")}`,
    `SystemLog ${join(folder, "log")}`,
    "TransferLog none",
    "WtmpLog off",
    "DelayEngine off",
    "SFTPEngine on",
    `SFTPHostKey ${join(folder, "host_key")}`,
    `SFTPAuthorizedUserKeys file:${join(folder, "authorized_keys")}`,
    "SFTPAuthMethods publickey",
    "",
  ].join("\n");
}
