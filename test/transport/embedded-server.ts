/**
 * A small SFTP server of ssh2's own make, with files in memory, for manners that OpenSSH cannot be brought to: lost answers,
 * short reads, sequential writes only, odd status codes, passwords. Correctness is proven against OpenSSH, not here.
 */
import { createServer, type Socket } from "node:net";
import { posix } from "node:path";
import ssh2, { type Attributes, type AuthContext, type Connection, type FileEntry, type SFTPWrapper } from "ssh2";

const { OPEN_MODE, STATUS_CODE } = ssh2.utils.sftp;

export type ServerAct =
  | "open"
  | "read"
  | "write"
  | "close"
  | "stat"
  | "opendir"
  | "readdir"
  | "rename"
  | "remove"
  | "realpath";

export interface EmbeddedManners {
  /** What it calls itself. */
  readonly ident?: string;
  readonly password?: string;
  /** The password is taken only as the answer to a question. */
  readonly asksQuestions?: boolean;
  /** Answers reads with fewer bytes than were asked for. */
  readonly shortReads?: boolean;
  /** Refuses a write that comes before the one in front of it was answered, as cursor-like mailboxes do. */
  readonly sequentialWrites?: boolean;
  /** How long it is busy with each write; it does one after the other. */
  readonly busyMs?: number;
  /** No write is answered before. */
  readonly answersWritesAfter?: Promise<void>;
  /** Told of each write, when its answer is sent. */
  readonly onWritten?: () => void;
  /** Sends no mode in listings. */
  readonly listsWithoutMode?: boolean;
  /** A rename takes the place of a file that is there. */
  readonly renameOverwrites?: boolean;
  /** How far its clock is off. */
  readonly clockOffsetMs?: number;
  /** Names that it lists in /outbound beside those of its files, whatever they are. */
  readonly listsAlso?: readonly string[];
  /** Told of a file that was renamed, or read to its end, before the answer is sent. */
  readonly onDone?: (done: "renamed" | "read", path: string) => void;
  /** It refuses further sessions on a connection. */
  readonly mostSessions?: number;
  /** Instead of refusing one more, it ends the connection. */
  readonly hangsUpAtOneMore?: boolean;
  /** Told of each session: the how-manyth of its connection, how to end its channel alone, and when its first answer was sent. */
  readonly onSession?: (nth: number, end: () => void, ready: Promise<void>) => void;
  /**
   * A status to answer with instead, no answer and no act, or an act without an answer. Asked before the act, with the
   * how-manyth of its kind in its session it is, and the how-manyth of its connection that session is.
   */
  readonly fault?: (act: ServerAct, nth: number, session: number) => number | "no answer" | "lost answer" | undefined;
}

export interface EmbeddedServer {
  readonly port: number;
  readonly files: Map<string, Buffer>;
  /** How users tried to log in, in order. */
  readonly logins: string[];
  /** How many files were opened in each session there was, in the order in which sessions began. */
  readonly opensBySession: number[];
  readonly refusedSessions: number;
  /** How long each connection that has ended was open. */
  readonly connectionsMs: number[];
  stop(): Promise<void>;
}

export async function startEmbeddedServer(hostKey: string, manners: EmbeddedManners = {}): Promise<EmbeddedServer> {
  const files = new Map<string, Buffer>();
  const logins: string[] = [];
  const connectionsMs: number[] = [];
  const opensBySession: number[] = [];
  let refusedSessions = 0;
  const server = new ssh2.Server(
    { hostKeys: [hostKey], ...(manners.ident ? { ident: manners.ident } : {}) },
    (connection: Connection) => {
      connection.on("error", () => {});
      connection.on("authentication", (context) => authenticate(context, manners, logins));
      let sessions = 0;
      connection.on("session", (accept, reject) => {
        sessions += 1;
        if (sessions > (manners.mostSessions ?? Number.POSITIVE_INFINITY)) {
          refusedSessions += 1;
          if (manners.hangsUpAtOneMore) connection.end();
          else reject();
          return;
        }
        accept().on("sftp", (acceptSftp) => {
          const sftp = acceptSftp();
          const session = opensBySession.push(0) - 1;
          const nth = sessions;
          const ready = new Promise<void>((resolve) => sftp.once("ready", resolve));
          manners.onSession?.(nth, () => sftp.end(), ready);
          const onOpen = () => {
            opensBySession[session] = (opensBySession[session] ?? 0) + 1;
          };
          new Session(sftp, files, manners, { nth, onOpen });
        });
      });
    },
  );
  const sockets = new Set<Socket>();
  const listener = createServer({ noDelay: true }, (socket) => {
    const begun = performance.now();
    sockets.add(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      connectionsMs.push(performance.now() - begun);
    });
    server.injectSocket(socket);
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("a listener without a port");
  return {
    port: address.port,
    files,
    logins,
    connectionsMs,
    opensBySession,
    get refusedSessions() {
      return refusedSessions;
    },
    stop: () =>
      new Promise((resolve) => {
        listener.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function authenticate(context: AuthContext, { password, asksQuestions }: EmbeddedManners, logins: string[]) {
  logins.push(context.method);
  if (password === undefined) return context.accept();
  if (context.method === "password" && !asksQuestions && context.password === password) return context.accept();
  if (context.method === "keyboard-interactive" && asksQuestions) {
    return context.prompt([{ prompt: "Password: ", echo: false }], (answers) =>
      answers[0] === password ? context.accept() : context.reject(),
    );
  }
  context.reject([asksQuestions ? "keyboard-interactive" : "password"]);
}

class Session {
  readonly #sftp: SFTPWrapper;
  readonly #files: Map<string, Buffer>;
  readonly #manners: EmbeddedManners;
  readonly #handles: { readonly path: string; names?: FileEntry[]; isWriting: boolean }[] = [];
  readonly #counts = new Map<ServerAct, number>();
  /** Requests whose answers get lost on the way. */
  readonly #lost = new Set<number>();
  #freeAt = 0;

  /** The how-manyth of its connection. */
  readonly #nth: number;

  constructor(
    sftp: SFTPWrapper,
    files: Map<string, Buffer>,
    manners: EmbeddedManners,
    { nth, onOpen }: { readonly nth: number; readonly onOpen: () => void },
  ) {
    this.#nth = nth;
    this.#sftp = sftp;
    this.#loseAnswers();
    this.#files = files;
    this.#manners = manners;
    sftp.on("error", () => {});
    this.#on("REALPATH", "realpath", (id) => sftp.name(id, [{ filename: "/", longname: "/", attrs: attributes() }]));
    this.#on("STAT", "stat", (id, path: string) => this.#stat(id, path));
    this.#on("OPEN", "open", (id, path: string, flags: number) => {
      onOpen();
      this.#open(id, path, flags);
    });
    this.#on("READ", "read", (id, handle: Buffer, at: number, length: number) => this.#read(id, handle, at, length));
    this.#on("WRITE", "write", (id, handle: Buffer, at: number, data: Buffer) => this.#write(id, handle, at, data));
    this.#on("CLOSE", "close", (id) => sftp.status(id, STATUS_CODE.OK));
    this.#on("OPENDIR", "opendir", (id, path: string) =>
      FOLDERS.includes(path) ? this.#give(id, path) : sftp.status(id, STATUS_CODE.NO_SUCH_FILE),
    );
    this.#on("READDIR", "readdir", (id, handle: Buffer) => this.#readdir(id, handle));
    this.#on("RENAME", "rename", (id, from: string, to: string) => this.#rename(id, from, to));
    this.#on("REMOVE", "remove", (id, path: string) =>
      sftp.status(id, this.#files.delete(path) ? STATUS_CODE.OK : STATUS_CODE.NO_SUCH_FILE),
    );
  }

  #on(event: string, act: ServerAct, answer: (id: number, ...args: never[]) => void): void {
    this.#sftp.on(event, (id: number, ...sent: never[]) => {
      const args = sent.map((value) => (typeof value === "string" ? posix.resolve("/", value) : value)) as never[];
      const nth = (this.#counts.get(act) ?? 0) + 1;
      this.#counts.set(act, nth);
      const fault = this.#manners.fault?.(act, nth, this.#nth);
      if (fault === "no answer") return;
      if (fault === "lost answer") this.#lost.add(id);
      if (typeof fault === "number") sendStatus(this.#sftp, id, fault);
      else answer(id, ...args);
    });
  }

  #loseAnswers(): void {
    const answers = this.#sftp as unknown as Record<string, (id: number, ...args: unknown[]) => unknown>;
    for (const kind of ["status", "handle", "name", "attrs", "data"]) {
      const send = answers[kind]?.bind(this.#sftp);
      answers[kind] = (id, ...args) => this.#lost.delete(id) || send?.(id, ...args);
    }
  }

  #handleAt(handle: Buffer) {
    const found = this.#handles[handle.readUInt32BE(0)];
    if (!found) throw new Error("a handle that was never given");
    return found;
  }

  #give(id: number, path: string): void {
    const handle = Buffer.alloc(4);
    handle.writeUInt32BE(this.#handles.push({ path, isWriting: false }) - 1);
    this.#sftp.handle(id, handle);
  }

  #stat(id: number, path: string) {
    const bytes = this.#files.get(path);
    if (FOLDERS.includes(path)) this.#sftp.attrs(id, attributes());
    else if (bytes) this.#sftp.attrs(id, this.#attributesOf(bytes));
    else this.#sftp.status(id, STATUS_CODE.NO_SUCH_FILE);
  }

  #attributesOf(bytes: Buffer): Attributes {
    const written = timesOfFiles.get(bytes) ?? Date.now() + (this.#manners.clockOffsetMs ?? 0);
    timesOfFiles.set(bytes, written);
    return { ...attributes(written), size: bytes.length };
  }

  #open(id: number, path: string, flags: number) {
    const isThere = this.#files.has(path);
    if (flags & OPEN_MODE.CREAT) {
      if (!FOLDERS.includes(posix.dirname(path))) return this.#sftp.status(id, STATUS_CODE.NO_SUCH_FILE);
      if (isThere) return this.#sftp.status(id, STATUS_CODE.FAILURE);
      this.#files.set(path, Buffer.alloc(0));
    } else if (!isThere) return this.#sftp.status(id, STATUS_CODE.NO_SUCH_FILE);
    this.#give(id, path);
  }

  #read(id: number, handle: Buffer, at: number, length: number) {
    const bytes = this.#files.get(this.#handleAt(handle).path) ?? Buffer.alloc(0);
    const wanted = this.#manners.shortReads ? Math.min(length, 1 + (at % 20_011)) : length;
    const data = bytes.subarray(at, at + wanted);
    if (data.length === 0) {
      this.#manners.onDone?.("read", this.#handleAt(handle).path);
      this.#sftp.status(id, STATUS_CODE.EOF);
    } else this.#sftp.data(id, data);
  }

  #write(id: number, handle: Buffer, at: number, data: Buffer) {
    const file = this.#handleAt(handle);
    if (this.#manners.sequentialWrites && file.isWriting) return this.#sftp.status(id, STATUS_CODE.FAILURE, "no seek");
    const before = this.#files.get(file.path) ?? Buffer.alloc(0);
    const after = Buffer.alloc(Math.max(before.length, at + data.length));
    before.copy(after);
    data.copy(after, at);
    this.#files.set(file.path, after);
    file.isWriting = true;
    this.#freeAt = Math.max(this.#freeAt, performance.now()) + (this.#manners.busyMs ?? 0);
    setTimeout(
      async () => {
        await this.#manners.answersWritesAfter;
        file.isWriting = false;
        this.#manners.onWritten?.();
        this.#sftp.status(id, STATUS_CODE.OK);
      },
      Math.max(0, this.#freeAt - performance.now()),
    );
  }

  #readdir(id: number, handle: Buffer) {
    const folder = this.#handleAt(handle);
    folder.names ??= this.#namesIn(folder.path);
    const names = folder.names.splice(0, NAMES_PER_READDIR);
    if (names.length === 0) this.#sftp.status(id, STATUS_CODE.EOF);
    else this.#sftp.name(id, names);
  }

  #namesIn(folder: string): FileEntry[] {
    const isInside = (path: string) => path !== folder && posix.dirname(path) === folder;
    const also = folder === "/outbound" ? (this.#manners.listsAlso ?? []) : [];
    const entries = [
      ...FOLDERS.filter(isInside).map((path) => ({
        filename: posix.basename(path),
        attrs: { ...attributes(), mode: 0o040700 },
      })),
      ...[...this.#files]
        .filter(([path]) => isInside(path))
        .map(([path, bytes]) => ({ filename: posix.basename(path), attrs: this.#attributesOf(bytes) })),
      ...also.map((filename) => ({ filename, attrs: this.#attributesOf(Buffer.from("what is listed")) })),
    ];
    return entries.map(({ filename, attrs }) => ({
      filename,
      longname: `${FOLDERS.includes(posix.join(folder, filename)) ? "d" : "-"}rw------- 1 u g ${attrs.size} Jan 1 00:00 x`,
      // Without a mode nothing but the long name tells what it is.
      attrs: (this.#manners.listsWithoutMode ? { size: attrs.size } : attrs) as Attributes,
    }));
  }

  #rename(id: number, from: string, to: string) {
    const bytes = this.#files.get(from);
    if (!bytes || !FOLDERS.includes(posix.dirname(to))) return this.#sftp.status(id, STATUS_CODE.NO_SUCH_FILE);
    if (this.#files.has(to) && !this.#manners.renameOverwrites) return this.#sftp.status(id, STATUS_CODE.FAILURE);
    this.#files.delete(from);
    this.#files.set(to, bytes);
    this.#manners.onDone?.("renamed", to);
    this.#sftp.status(id, STATUS_CODE.OK);
  }
}

const FOLDERS = ["/", "/inbound", "/outbound"];

const NAMES_PER_READDIR = 100;
/** When its bytes were first seen. */
const timesOfFiles = new WeakMap<Buffer, number>();

function attributes(at = Date.now()): Attributes {
  const seconds = Math.floor(at / 1000);
  return { mode: 0o100600, uid: 0, gid: 0, size: 0, atime: seconds, mtime: seconds };
}

/** By hand, because ssh2's server sends only the codes that version 3 knows, and real servers send others. */
function sendStatus(sftp: SFTPWrapper, id: number, status: number): void {
  const packet = Buffer.alloc(21);
  packet.writeUInt32BE(17, 0);
  packet.writeUInt8(101, 4);
  packet.writeUInt32BE(id, 5);
  packet.writeUInt32BE(status, 9);
  const { _protocol, outgoing } = sftp as unknown as {
    _protocol: { channelData(channel: number, data: Buffer): void };
    outgoing: { id: number };
  };
  _protocol.channelData(outgoing.id, packet);
}
