/**
 * What to do with a batch whose delivery was cut off, from what the ledger recorded and what a look at the server shows.
 * Every rule errs towards `uncertain`: a file that may have been taken is never sent again.
 */
import type { BatchState } from "./batch.ts";

export interface RemoteLookAt {
  /** Undefined: not there. */
  readonly temporary: { readonly sizeBytes: number } | undefined;
  /** `sha256` only where the profile allows reading in the inbound folder. */
  readonly final: { readonly sizeBytes: number; readonly sha256?: string } | undefined;
}

export interface CutOffDelivery {
  readonly state: Extract<BatchState, "uploading" | "uploaded" | "committing" | "uncertain">;
  /** The server acknowledged the creation of our temporary file. */
  readonly created: boolean;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly commit: "rename" | "direct";
  /** The provider promises not to take files under temporary names. */
  readonly ignoresTemporaryNames: boolean;
}

export type DeliveryStep =
  /** Not committed: a new try, under a new temporary name. */
  | { readonly step: "upload"; readonly removeTemporary: boolean }
  /** The temporary file is whole and the final name free: ask for the commit again. */
  | { readonly step: "commit" }
  | { readonly step: "delivered"; readonly removeTemporary: boolean }
  /** The final name is somebody else's: burn it, mint another. */
  | { readonly step: "burn_name"; readonly removeTemporary: boolean }
  | { readonly step: "uncertain"; readonly why: string };

/** Both names there or both gone may be a rename in flight: worth a second look, `settle` later. */
export function deservesSecondLook(state: CutOffDelivery["state"], look: RemoteLookAt): boolean {
  return state === "committing" && (look.temporary === undefined) === (look.final === undefined);
}

export function decideDelivery(delivery: CutOffDelivery, look: RemoteLookAt): DeliveryStep {
  switch (delivery.state) {
    case "uploading":
    case "uploaded":
      return decideBeforeCommit(delivery, look);
    case "committing":
      return decideInCommit(delivery, look);
    case "uncertain":
      // A person or a result row settles it, unless our very bytes have turned up.
      return isOurs(delivery, look)
        ? { step: "delivered", removeTemporary: look.temporary !== undefined }
        : { step: "uncertain", why: "still not proven" };
  }
}

function decideBeforeCommit(delivery: CutOffDelivery, look: RemoteLookAt): DeliveryStep {
  if (look.temporary === undefined && delivery.created && !delivery.ignoresTemporaryNames) {
    return {
      step: "uncertain",
      why: "our temporary file is gone, and the provider may have taken it",
    };
  }
  const removeTemporary = look.temporary !== undefined;
  return look.final === undefined ? { step: "upload", removeTemporary } : { step: "burn_name", removeTemporary };
}

function decideInCommit(delivery: CutOffDelivery, look: RemoteLookAt): DeliveryStep {
  const { temporary, final } = look;
  if (final !== undefined) {
    if (isOurs(delivery, look)) return { step: "delivered", removeTemporary: temporary !== undefined };
    const why =
      final.sizeBytes === delivery.sizeBytes
        ? "a file of our size is under the final name, but it cannot be proven to be ours"
        : `the file under the final name has ${final.sizeBytes} bytes, ours has ${delivery.sizeBytes}`;
    return { step: "uncertain", why };
  }
  if (delivery.commit === "direct") {
    return { step: "uncertain", why: "the file is gone: taken or removed" };
  }
  return temporary === undefined
    ? { step: "uncertain", why: "both names are gone: the file was taken or removed" }
    : temporary.sizeBytes === delivery.sizeBytes
      ? { step: "commit" }
      : { step: "uncertain", why: "our temporary file has changed its size" };
}

/**
 * Ours by size, and by hash where reading is allowed. With both names there the size alone proves nothing: a rename
 * leaves one of them, so a second file of the same size needs its hash.
 */
function isOurs(delivery: CutOffDelivery, { temporary, final }: RemoteLookAt): boolean {
  if (final === undefined || final.sizeBytes !== delivery.sizeBytes) return false;
  if (final.sha256 !== undefined) return final.sha256 === delivery.sha256;
  return temporary === undefined;
}
