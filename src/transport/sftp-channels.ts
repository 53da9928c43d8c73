/**
 * The SFTP channels of one connection. Over a long line a channel carries no more than its window, 2 MiB with OpenSSH, in each
 * round trip, whatever is in flight; and most servers serve each channel with a process of its own. So files that are sent at the
 * same time are spread over several. The first one is there from the start, and is all that a server must give.
 */
import type { SFTPWrapper } from "ssh2";
import { RequestWindow } from "./sftp-copy.ts";
import { DEFAULT_CONCURRENCY } from "./sftp-settings.ts";

/** Below the ten that OpenSSH and others allow. */
const MOST_CHANNELS = 4;

export interface Channel {
  readonly sftp: SFTPWrapper;
  /** What may be in flight on it. */
  readonly window: RequestWindow;
  /** On their way over it. */
  files: number;
}

/**
 * How many channels the next connection may have. Shared by all connections of a run: only the first one asks for a second channel, because a
 * server may hang up over it, give it and end it, or never answer on it, and what that costs must not be paid twice.
 */
export interface ChannelLimit {
  most: number;
}

/** Who asks for fewer requests in flight has a server that takes no more. */
export function channelLimit(concurrency: number): ChannelLimit {
  return { most: concurrency < DEFAULT_CONCURRENCY ? 1 : MOST_CHANNELS };
}

export class SftpChannels {
  readonly #channels: Channel[];
  readonly #open: () => Promise<SFTPWrapper>;
  readonly #limit: ChannelLimit;
  readonly #concurrency: number;
  /** Of this connection. */
  #most: number;
  #isOpening = false;

  /** `open` may reject, or never settle where the connection dies. */
  constructor(first: SFTPWrapper, open: () => Promise<SFTPWrapper>, limit: ChannelLimit, concurrency: number) {
    this.#open = open;
    this.#limit = limit;
    this.#concurrency = concurrency;
    this.#most = limit.most;
    this.#channels = [this.#channelOf(first)];
  }

  /** For one file, whose handle belongs to the channel. Where none is idle, another one is opened for a later file. */
  take(): Channel {
    const channel = this.#channels.reduce((least, other) => (other.files < least.files ? other : least));
    if (channel.files > 0) void this.#openAnother();
    channel.files += 1;
    return channel;
  }

  leave(channel: Channel): void {
    channel.files -= 1;
  }

  async #openAnother(): Promise<void> {
    if (this.#isOpening || this.#channels.length >= this.#most) return;
    this.#isOpening = true;
    this.#limit.most = 1;
    try {
      this.#channels.push(this.#channelOf(await this.#open()));
      this.#isOpening = false;
    } catch {
      // It was refused: those that are there will do, and no other is asked for.
    }
  }

  #channelOf(sftp: SFTPWrapper): Channel {
    return { sftp, window: new RequestWindow(this.#concurrency), files: 0 };
  }
}
