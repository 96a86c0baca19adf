type Bytes = Uint8Array<ArrayBuffer>

/** Bytes that were made since {@link wiping} began; undefined outside. */
let made: Bytes[] | undefined

/** Whether what is made is going to be wiped. */
export function isWiping(): boolean {
  return made !== undefined
}

/** So many bytes, 00. What the kernel makes of secrets it makes with this. */
export function room(size: number): Bytes {
  if (!made) return new Uint8Array(size)
  const bytes = unmoved(size)
  made.push(bytes)
  return bytes
}

/** Bytes that somebody else has made: they are wiped as if they came from {@link room}. */
export function noted(bytes: Bytes): Bytes {
  made?.push(bytes)
  return bytes
}

/**
 * Runs `work`, and wipes all bytes that were joined, decoded, deciphered or derived meanwhile, however it
 * ends. Its result is a copy; whatever else is to last was made by {@link lasting}. `work` is synchronous.
 */
export function wiping<T extends Bytes | number | undefined>(work: () => T): T
export function wiping(work: () => Bytes | number | undefined): Bytes | number | undefined {
  const outer = made
  const own: Bytes[] = []
  made = own
  try {
    const result = work()
    if (!(result instanceof Uint8Array)) return result
    const copy = unmoved(result.length)
    copy.set(result)
    outer?.push(copy)
    return copy
  } finally {
    for (const bytes of own) bytes.fill(0)
    made = outer
  }
}

/** What is made here outlasts {@link wiping}: nothing that is secret. */
export function lasting<T>(work: () => T): T {
  const outer = made
  made = undefined
  try {
    return work()
  } finally {
    made = outer
  }
}

/** Up to 64 bytes V8 keeps among its objects, which it moves, and leaves what was there behind. Not these. */
function unmoved(size: number): Bytes {
  return new Uint8Array(new ArrayBuffer(size))
}
