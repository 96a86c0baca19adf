import { bytesEqual, concat, utf8, type Bytes } from './bytes.ts'
import { decodeCbor, encodeCbor } from './cbor.ts'
import { FormatError } from './errors.ts'
import { sign, SIGNATURE_SIZE, verify, type PrivateKey, type PublicKey } from './p256.ts'

/** Tag 18 in CBOR: a COSE_Sign1 object follows (RFC 9052, 2). */
const TAG_COSE_SIGN1 = 0xd2
const HEADER = { ALGORITHM: 1, CONTENT_TYPE: 3, KEY_ID: 4 } as const
/** ECDSA with SHA-256 (RFC 9053, 2.1). */
const ES256 = -7

/** A signed document as received. Its payload means nothing until {@link verifySigned} says so. */
export interface SignedDocument {
  /** What the payload is, as the signer says: `application/kontant-batch`. */
  readonly contentType: string
  /** Whose key, as the signer says: `till:7:1`. */
  readonly keyId: string
  readonly payload: Bytes
  readonly signature: Bytes
  /** What the signature covers: Sig_structure of RFC 9052, 4.4. */
  readonly signed: Bytes
}

/** COSE_Sign1 (RFC 9052, 4.2), tagged, ES256, both headers protected. */
export function signDocument(
  key: PrivateKey,
  keyId: string,
  contentType: string,
  payload: Bytes,
): Bytes {
  const header = encodeHeader(keyId, contentType)
  const signature = sign(key, sigStructure(header, payload))
  return concat(Uint8Array.of(TAG_COSE_SIGN1), encodeCbor([header, new Map(), payload, signature]))
}

/** @throws {FormatError} if `bytes` is not a COSE_Sign1 as {@link signDocument} makes it. */
export function decodeSigned(bytes: Uint8Array, field: string): SignedDocument {
  if (bytes[0] !== TAG_COSE_SIGN1) throw new FormatError(field, 'expected COSE_Sign1 (tag 18)')
  const parts = decodeCbor(bytes.subarray(1), field)
  if (!Array.isArray(parts) || parts.length !== 4) {
    throw new FormatError(field, 'expected the four parts of a COSE_Sign1')
  }
  const [header, unprotected, payload, signature]: unknown[] = parts
  if (!(header instanceof Uint8Array)) throw new FormatError(`${field}.protected`, 'expected bytes')
  if (!(unprotected instanceof Map) || unprotected.size > 0) {
    throw new FormatError(`${field}.unprotected`, 'expected an empty map')
  }
  if (!(payload instanceof Uint8Array)) throw new FormatError(`${field}.payload`, 'expected bytes')
  if (!(signature instanceof Uint8Array) || signature.length !== SIGNATURE_SIZE) {
    throw new FormatError(`${field}.signature`, `expected ${SIGNATURE_SIZE} bytes`)
  }
  const content = new Uint8Array(payload)
  return {
    ...decodeHeader(header, `${field}.protected`),
    payload: content,
    signature: new Uint8Array(signature),
    signed: sigStructure(header, content),
  }
}

export function verifySigned(document: SignedDocument, key: PublicKey): boolean {
  return verify(key, document.signed, document.signature)
}

function encodeHeader(keyId: string, contentType: string): Bytes {
  return encodeCbor(
    new Map<number, unknown>([
      [HEADER.ALGORITHM, ES256],
      [HEADER.CONTENT_TYPE, contentType],
      [HEADER.KEY_ID, utf8(keyId)],
    ]),
  )
}

function decodeHeader(bytes: Uint8Array, field: string) {
  const header = decodeCbor(bytes, field)
  if (!(header instanceof Map)) throw new FormatError(field, 'expected a map')
  const contentType: unknown = header.get(HEADER.CONTENT_TYPE)
  const keyId: unknown = header.get(HEADER.KEY_ID)
  if (header.get(HEADER.ALGORITHM) !== ES256) throw new FormatError(field, 'expected ES256')
  if (typeof contentType !== 'string') throw new FormatError(field, 'expected a content type')
  if (!(keyId instanceof Uint8Array)) throw new FormatError(field, 'expected a key id')
  const text = new TextDecoder().decode(keyId)
  if (!bytesEqual(encodeHeader(text, contentType), bytes)) {
    throw new FormatError(field, 'expected algorithm, content type and key id, and nothing else')
  }
  return { contentType, keyId: text }
}

function sigStructure(header: Uint8Array, payload: Uint8Array): Bytes {
  return encodeCbor(['Signature1', header, new Uint8Array(), payload])
}
