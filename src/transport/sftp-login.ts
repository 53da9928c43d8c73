/** How the user proves who they are: a key file, an agent or a password; and the words for when the server says no. */
import type { AnyAuthMethod } from "ssh2";
import type { SftpSettings } from "./sftp-settings.ts";
import { loadUserKey } from "./user-key.ts";

export interface Login {
  /** Tried in this order; none of them before the host key was accepted. */
  readonly methods: readonly AnyAuthMethod[];
  /** `the key ssh-ed25519 SHA256:… (./keys/x)`; never a secret. */
  readonly words: string;
  /** What to do when it is refused. */
  readonly hint: string;
}

/** Problem `key_unusable` where the key cannot be read or unlocked. */
export async function prepareLogin({ auth, username }: Pick<SftpSettings, "auth" | "username">): Promise<Login> {
  if ("privateKeyPath" in auth) {
    const key = await loadUserKey(auth.privateKeyPath, auth.passphrase);
    return {
      methods: [{ type: "publickey", username, key: key.parsed }],
      words: `the key ${key.description} (${auth.privateKeyPath})`,
      hint: `Check the user name, and that the provider has installed this public key: ssh-keygen -y -f ${auth.privateKeyPath}`,
    };
  }
  if ("agentSocket" in auth) {
    return {
      methods: [{ type: "agent", username, agent: auth.agentSocket }],
      words: `the keys of the agent at ${auth.agentSocket}`,
      hint: "Check with ssh-add -l that the agent holds the key that the provider has installed.",
    };
  }
  const { password } = auth;
  return {
    methods: [
      { type: "password", username, password },
      {
        type: "keyboard-interactive",
        username,
        // Only what is hidden while typing is a password; anything else was not asked of us.
        prompt: (_name, _instructions, _language, prompts, finish) =>
          finish(prompts.map(({ echo }) => (echo === true ? "" : password))),
      },
    ],
    words: "the password",
    hint: "Check the user name and the password with the provider; it may have expired.",
  };
}
