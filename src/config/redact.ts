/** A config that may be shown: whatever lets somebody in or speak for us is hidden by its field, not by its looks. */
import type { Config, NotifyConfig, SftpAuthConfig } from "./config.ts";

const HIDDEN = "[hidden]";

/** The same config with every secret replaced; for `doctor --show-config`. */
export function redactConfig(config: Config): Config {
  return {
    ...config,
    merchants: config.merchants.map((merchant) => ({
      ...merchant,
      sftp: { ...merchant.sftp, auth: redactAuth(merchant.sftp.auth) },
    })),
    notify: redactNotify(config.notify),
  };
}

function redactAuth(auth: SftpAuthConfig): SftpAuthConfig {
  if ("password" in auth) return { password: HIDDEN };
  return "passphrase" in auth ? { ...auth, passphrase: HIDDEN } : auth;
}

/** Who knows the address can report a run that never was; a command line may hold a token. */
function redactNotify({ textfile, ...secrets }: NotifyConfig): NotifyConfig {
  const hidden = Object.fromEntries(Object.keys(secrets).map((key) => [key, HIDDEN]));
  return textfile === undefined ? hidden : { ...hidden, textfile };
}
