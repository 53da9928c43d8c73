/**
 * What a client of the sandbox can see: `/`, `/inbound`, `/outbound`, and plain files directly in the two. Whatever path
 * a client sends is turned into one of these or into nothing; no string of it is ever handed to the file system.
 */
import { lstatSync, mkdirSync, readdirSync, realpathSync, type Stats } from "node:fs";
import { join, posix } from "node:path";

export type FolderName = "inbound" | "outbound";

export interface FilePlace {
  readonly kind: "file";
  readonly folder: FolderName;
  readonly name: string;
  /** On the real disk. */
  readonly path: string;
}

export type Place =
  | { readonly kind: "root" }
  | { readonly kind: "folder"; readonly folder: FolderName; readonly path: string }
  | FilePlace;

const FOLDERS: readonly FolderName[] = ["inbound", "outbound"];

export class DropFolders {
  readonly root: string;
  readonly inbound: string;
  readonly outbound: string;

  /** Makes the folders (mode 0700) where they are missing; throws if one is a link or a file. */
  constructor(root: string) {
    mkdirSync(root, { recursive: true, mode: 0o700 });
    this.root = realpathSync(root);
    this.inbound = makeFolder(join(this.root, "inbound"));
    this.outbound = makeFolder(join(this.root, "outbound"));
  }

  /** The path as a client of a chrooted server would see it: absolute, `..` stops at the root. */
  static normalize(clientPath: string): string {
    return posix.normalize(`/${clientPath}`).replace(/(?<=.)\/$/, "");
  }

  /** Undefined: nothing that a client can see has such a path. */
  locate(clientPath: string): Place | undefined {
    if (clientPath.includes("\0")) return undefined;
    const [folder = "", name, ...deeper] = DropFolders.normalize(clientPath).slice(1).split("/");
    if (folder === "") return { kind: "root" };
    if (!isFolderName(folder) || deeper.length > 0) return undefined;
    return name === undefined
      ? { kind: "folder", folder, path: this[folder] }
      : { kind: "file", folder, name, path: join(this[folder], name) };
  }

  /** Undefined if nothing is there. Links and sub-folders made beside the server are not shown: they lead elsewhere. */
  stat(place: Place): Stats | undefined {
    const stats = lstatSync(place.kind === "root" ? this.root : place.path, { throwIfNoEntry: false });
    return stats && (place.kind === "file" ? stats.isFile() : stats.isDirectory()) ? stats : undefined;
  }

  /** Only what `stat` shows; in the order of the disk. */
  list(place: Exclude<Place, FilePlace>): { readonly name: string; readonly stats: Stats }[] {
    const inside: { name: string; place: Place }[] =
      place.kind === "root"
        ? FOLDERS.map((folder) => ({ name: folder, place: { kind: "folder", folder, path: this[folder] } }))
        : readdirSync(place.path).map((name) => ({
            name,
            place: { kind: "file", folder: place.folder, name, path: join(place.path, name) },
          }));
    return inside.flatMap((entry) => {
      const stats = this.stat(entry.place);
      return stats ? [{ name: entry.name, stats }] : [];
    });
  }
}

function isFolderName(name: string): name is FolderName {
  return (FOLDERS as readonly string[]).includes(name);
}

function makeFolder(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (!lstatSync(path).isDirectory()) throw new Error(`${path} must be a folder of its own, not a link`);
  return path;
}
