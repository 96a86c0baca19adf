import { seal, unseal } from '../../../kernel/aes.ts'
import { utf8, type Bytes } from '../../../kernel/bytes.ts'
import { unlessMalformed } from '../../../kernel/errors.ts'
import { hmacSha256 } from '../../../kernel/hash.ts'
import { openSealed, sealTo, sign, type FleetingKey, type PublicKey } from '../../../kernel/p256.ts'
import type { Message } from '../../../kernel/message.ts'
import type { AppletHost } from '../../../card/applet.ts'
import { fuzzyExtractor } from '../../../card/puf/fuzzy-extractor.ts'
import { KeyGenerator } from '../../../card/puf/key-generator.ts'
import type { Puf } from '../../../card/puf/noisy-puf.ts'
import { isConfirmedBy, type Confirmed } from '../certificates.ts'
import { isSignedBy, signMessage, type Signed } from '../../../kernel/signed-message.ts'

/** The PUF was read too badly for a key: another reading will do. */
export class PufFailed extends Error {
  override readonly name = 'PufFailed'
}

const MARK = utf8('record')
const HKDF_HASHES = 4
/** Bytes that one operation of the chip ciphers. */
const CIPHERED = 256

/**
 * The cryptographic element: encrypts, decrypts, signs and verifies what comes into an element and what
 * leaves it, with a private key that its key generator computes for each use. Says what the chip does.
 */
export class CryptographicElement {
  readonly #host: AppletHost
  readonly #generator: KeyGenerator
  readonly #helper: () => Bytes

  /** `helper`: of the private key, from the memory. */
  constructor(host: AppletHost, puf: Puf, helper: () => Bytes) {
    this.#host = host
    this.#generator = new KeyGenerator(puf, fuzzyExtractor())
    this.#helper = helper
  }

  /** Fixes the private key: its helper, to be kept, and the public key. */
  generate(): { readonly helper: Bytes; readonly publicKey: PublicKey } {
    this.#host.spend('puf-enrol')
    return this.#generator.enrol(this.#host.random)
  }

  /** @throws {PufFailed} if no key comes out of the PUF. */
  sign<T>(layout: Message<T>, content: T): Bytes {
    return this.#use((key) => {
      this.#host.spend('ecdsa-sign')
      return signMessage(layout, content, key)
    })
  }

  /** Without the body: who checks it knows that. @throws {PufFailed} */
  signature(body: Bytes): Bytes {
    return this.#use((key) => {
      this.#host.spend('ecdsa-sign')
      return sign(key, body)
    })
  }

  /** Undefined if it was sealed for another element, or changed. @throws {PufFailed} */
  open(sealed: Uint8Array, context: Bytes): Bytes | undefined {
    return this.#use((key) => {
      this.#host.spend('ecdh')
      this.#cipher(sealed.length)
      return unlessMalformed(() => openSealed(key, sealed, context))
    })
  }

  /** 32 bytes that this element makes for that purpose and nobody else can. @throws {PufFailed} */
  secret(purpose: Bytes): Bytes {
    this.#host.spend('puf')
    this.#host.spend('sha-256')
    const secret = this.#generator.secret(this.#helper(), purpose)
    if (!secret) throw new PufFailed('no key came out of the PUF')
    return secret
  }

  /** That these bytes are of this element’s own making. @throws {PufFailed} */
  mark(bytes: Bytes): Bytes {
    const key = this.secret(MARK)
    const made = hmacSha256(key, bytes)
    key.fill(0)
    return made
  }

  /** For this element alone, in its own memory: `purpose` is not used for anything else. @throws {PufFailed} */
  lock(plaintext: Bytes, purpose: Bytes): Bytes {
    const key = this.secret(purpose)
    this.#ciphers(plaintext.length)
    const locked = seal(key, plaintext, purpose, this.#host.random)
    key.fill(0)
    return locked
  }

  /** Undefined if it is not what {@link lock} made for that purpose. @throws {PufFailed} */
  unlock(locked: Bytes, purpose: Bytes): Bytes | undefined {
    const key = this.secret(purpose)
    this.#ciphers(locked.length)
    const opened = unlessMalformed(() => unseal(key, locked, purpose))
    key.fill(0)
    return opened
  }

  seal(recipient: PublicKey, plaintext: Bytes, context: Bytes): Bytes {
    // One for the ephemeral key, one for the agreement.
    this.#host.spend('ecdh')
    this.#host.spend('ecdh')
    this.#cipher(plaintext.length)
    return sealTo(recipient, plaintext, context, this.#host.random)
  }

  verify(signed: Signed<unknown>, key: PublicKey): boolean {
    this.#host.spend('ecdsa-verify')
    return isSignedBy(signed, key)
  }

  isConfirmedBy(subject: Confirmed, issuer: Confirmed): boolean {
    this.#host.spend('ecdsa-verify')
    return isConfirmedBy(subject, issuer)
  }

  /** AES-GCM, and HKDF for its key: two HMACs, each of two hashes. */
  #cipher(size: number): void {
    for (let hash = 0; hash < HKDF_HASHES; hash++) this.#host.spend('sha-256')
    this.#ciphers(size)
  }

  #ciphers(size: number): void {
    this.#host.spend('aes-gcm')
    for (let done = CIPHERED; done < size; done += CIPHERED) this.#host.spend('aes-gcm-more')
  }

  #use<T>(work: (key: FleetingKey) => T): T {
    this.#host.spend('puf')
    const done = this.#generator.use(this.#helper(), (key) => ({ result: work(key) }))
    if (!done) throw new PufFailed('no key came out of the PUF')
    return done.result
  }
}
