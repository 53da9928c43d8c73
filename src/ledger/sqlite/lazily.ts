/** Statements cost their parsing when they are first run, not when the ledger is opened: a command runs few of them. */
type Makers = Readonly<Record<string, () => unknown>>;
type Made<Of extends Makers> = { readonly [Name in keyof Of]: ReturnType<Of[Name]> };

export function lazily<Of extends Makers>(makers: Of): Made<Of> {
  const made = {};
  for (const [name, make] of Object.entries(makers)) {
    const get = () => {
      const value = make();
      Object.defineProperty(made, name, { value });
      return value;
    };
    Object.defineProperty(made, name, { get, configurable: true, enumerable: true });
  }
  return made as Made<Of>;
}
