import type { AppletHost } from '../../../card/applet.ts'
import type { Bytes } from '../../../kernel/bytes.ts'
import { sha256 } from '../../../kernel/hash.ts'
import type { Message } from '../../../kernel/message.ts'
import {
  exportPrivateKey,
  generatePrivateKey,
  importPrivateKey,
  openSealed,
  type PrivateKey,
  type PublicKey,
  verify,
} from '../../../kernel/p256.ts'
import {
  isSignedBy,
  openMessage,
  signMessage,
  type Signed,
} from '../../../kernel/signed-message.ts'
import { NONCE_SIZE } from '../message.ts'
import type { CardStore } from './store.ts'

/** HKDF-SHA-256 of one block of output: two HMACs, of two hashes each (RFC 5869, RFC 2104). */
const HKDF_HASHES = 4

/** What the chip computes. Every operation is spent, and nothing computes past it. */
export class CardChip {
  readonly #host: AppletHost
  readonly #store: CardStore
  #key: PrivateKey | undefined

  constructor(host: AppletHost, store: CardStore) {
    this.#host = host
    this.#store = store
  }

  /** A new pair of keys: PKCS #8, and the public half. */
  generate(): { readonly key: Bytes; readonly publicKey: PublicKey } {
    this.#host.spend('ecdh')
    const made = generatePrivateKey()
    this.#key = made
    return { key: exportPrivateKey(made), publicKey: made.publicKey }
  }

  get publicKey(): PublicKey {
    return this.#privateKey.publicKey
  }

  nonce(): Bytes {
    this.#host.spend('random')
    return this.#host.random.bytes(NONCE_SIZE)
  }

  digest(bytes: Bytes): Bytes {
    this.#host.spend('sha-256')
    return sha256(bytes)
  }

  /** Reads a message and takes its digest. @throws {FormatError} if it is none. */
  open<T>(layout: Message<T>, bytes: Bytes): Signed<T> {
    this.#host.spend('sha-256')
    return openMessage(layout, bytes)
  }

  isSignedBy(message: Signed<unknown>, key: PublicKey): boolean {
    this.#host.spend('ecdsa-verify')
    return isSignedBy(message, key)
  }

  verify(key: PublicKey, body: Bytes, signature: Bytes): boolean {
    this.#host.spend('ecdsa-verify')
    return verify(key, body, signature)
  }

  sign<T>(layout: Message<T>, content: T): Signed<T> {
    this.#host.spend('ecdsa-sign')
    this.#host.spend('sha-256')
    return openMessage(layout, signMessage(layout, content, this.#privateKey))
  }

  /** @throws {FormatError} if it was not sealed to this card, or for something else. */
  unseal(sealed: Bytes, context: Bytes): Bytes {
    this.#host.spend('ecdh')
    for (let hash = 0; hash < HKDF_HASHES; hash++) this.#host.spend('sha-256')
    this.#host.spend('aes-gcm')
    return openSealed(this.#privateKey, sealed, context)
  }

  get #privateKey(): PrivateKey {
    this.#key ??= importPrivateKey(this.#store.secrets.key)
    return this.#key
  }
}
