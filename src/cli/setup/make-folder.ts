/** What `init` leaves on disk. Nothing that is there is ever overwritten; what can be kept is kept. */
import { constants } from "node:fs";
import { access, appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Problem } from "../../domain/problem.ts";
import { generateKeyPair } from "../../transport/key-pair.ts";

/** Neither keys nor data belong in a repository. */
const IGNORED = ["keys/", "inbox/", "rescue-data/"] as const;

export interface MadeFolder {
  readonly config: string;
  readonly privateKey: string;
  readonly inbox: string;
  /** For the provider. */
  readonly publicKey: string;
  /** The key pair was there before. */
  readonly keyWasThere: boolean;
}

/** Problem `usage` if there is a config already, before anything is made. */
export async function makeFolder(folder: string, comment: string, configText: string): Promise<MadeFolder> {
  const config = join(folder, "rescue.yaml");
  const keys = join(folder, "keys");
  const inbox = join(folder, "inbox");
  const privateKey = join(keys, "rescue_ed25519");
  if (await exists(config)) throw configIsThere(config);
  try {
    await mkdir(folder, { recursive: true });
    for (const made of [keys, inbox]) await mkdir(made, { recursive: true, mode: 0o700 });
    const keyWasThere = await exists(privateKey);
    const publicKey = keyWasThere ? await readPublicKey(privateKey) : await generateKeyPair(privateKey, comment);
    await ignoreSecrets(join(folder, ".gitignore"));
    // Last, because its being there says that the rest is. It may come to hold a password.
    await writeFile(config, configText, { mode: 0o600, flag: "wx", flush: true });
    return { config, privateKey, inbox, publicKey, keyWasThere };
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    throw cannotWrite(folder, cause);
  }
}

async function readPublicKey(privateKey: string): Promise<string> {
  const path = `${privateKey}.pub`;
  if (await exists(path)) return (await readFile(path, "utf8")).trim();
  throw new Problem("key_unusable", `${privateKey} is there without its public half`, {
    hint: `Make it with: ssh-keygen -y -f ${privateKey} > ${path}. Nothing was overwritten.`,
  });
}

async function ignoreSecrets(path: string): Promise<void> {
  const before = (await exists(path)) ? await readFile(path, "utf8") : "";
  const missing = IGNORED.filter((line) => !before.split(/\r?\n/).includes(line));
  const lead = before === "" || before.endsWith("\n") ? "" : "\n";
  if (missing.length > 0) await appendFile(path, `${lead}${missing.join("\n")}\n`);
}

function configIsThere(config: string): Problem {
  return new Problem("usage", `${config} exists and was not touched`, {
    hint: "Add another merchant to it by hand, or give another folder with --dir. `rescue doctor` checks what is there.",
  });
}

function cannotWrite(folder: string, cause: unknown): Problem {
  const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
  return new Problem("disk_failed", `cannot write in ${folder} (${code})`, {
    hint: "Check that you may write there, or give another folder with --dir.",
    cause,
  });
}

async function exists(path: string): Promise<boolean> {
  return access(path, constants.F_OK).then(
    () => true,
    () => false,
  );
}
