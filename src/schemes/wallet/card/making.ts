import {
  response,
  SW,
  type CommandApdu,
  type ResponseApdu,
  type StatusWord,
} from '../../../kernel/apdu.ts'
import { bytesEqual, type Bytes } from '../../../kernel/bytes.ts'
import { publicKeyFrom } from '../../../kernel/p256.ts'
import { isPinBlock } from '../../../kernel/pin.ts'
import { sameParty } from '../../../kernel/party.ts'
import type { CardParts } from './parts.ts'
import {
  CERTIFICATE_SLOTS,
  certificatePart,
  ownCertificatePart,
  personalisationPart,
  secretsPart,
  STAGES,
  triesPart,
  type Stage,
} from './store.ts'
import { readCertificate } from '../certificates.ts'
import { personalisation, PIN_TRIES, policy, WALLET_SW } from '../message.ts'

/** From a blank chip to a card in use, in steps of which each may be repeated until the last. */
export class CardMaking {
  readonly #parts: CardParts

  constructor(parts: CardParts) {
    this.#parts = parts
  }

  get #stage(): Stage {
    return this.#parts.store.state.stage
  }

  /** The chip makes its own key; nobody else ever has it. The answer: the public half. */
  generate(): ResponseApdu {
    const { chip, store } = this.#parts
    if (this.#stage === 'in use') return response(WALLET_SW.NOT_NOW)
    if (this.#stage !== 'blank') return response(SW.OK, chip.publicKey.bytes)
    const { key, publicKey } = chip.generate()
    const none = new Uint8Array(store.secrets.pin.length)
    store.commit({ stage: 'keyed' }, secretsPart({ key, pin: none, unblocking: none }))
    return response(SW.OK, publicKey.bytes)
  }

  personalise({ p1, data }: CommandApdu): ResponseApdu {
    const [first = 'keyed', step] = STEPS[p1] ?? []
    const isTurn = this.#stage !== 'in use' && STAGES.indexOf(this.#stage) >= STAGES.indexOf(first)
    if (!isTurn || !step) return response(WALLET_SW.NOT_NOW)
    return response(this[step](data))
  }

  /** P1 00: who this card is. */
  takePersonalisation(data: Bytes): StatusWord {
    const { store } = this.#parts
    const { passcode, unblocking, root, notary, madeAt, ...rest } = personalisation.decode(data)
    for (const key of [root, ...notary]) publicKeyFrom(key)
    policy.decode(rest.policy)
    if (!isPinBlock(passcode) || !isPinBlock(unblocking)) return WALLET_SW.MALFORMED
    store.commit(
      { stage: 'personalised', time: madeAt, acknowledgedAt: madeAt, policy: rest.policy },
      personalisationPart(data),
      secretsPart({ ...store.secrets, pin: passcode, unblocking }),
      triesPart({ pin: PIN_TRIES, unblocking: PIN_TRIES }),
    )
    return SW.OK
  }

  /** P1 01: the certificate of its office. */
  takeOffice(data: Bytes): StatusWord {
    const { store, chip } = this.#parts
    const { role, party, certificate } = readCertificate(data)
    const isRight = chip.verify(store.rootKey, certificate.body, certificate.signature)
    if (!isRight) return WALLET_SW.BAD_SIGNATURE
    if (role !== 'office' || party.office !== store.personalisation.office) {
      return WALLET_SW.NOT_ADDRESSED
    }
    store.commit({ stage: 'certified' }, certificatePart(CERTIFICATE_SLOTS.issuer, data))
    return SW.OK
  }

  /** P1 02: its own, with which it is in use. The chain of its records begins there. */
  takeOwn(data: Bytes): StatusWord {
    const { store, chip, self } = this.#parts
    const { party, certificate } = readCertificate(data)
    const issuer = readCertificate(store.certificateIn(CERTIFICATE_SLOTS.issuer)).certificate
    const isRight =
      certificate.authority === issuer.holder &&
      chip.verify(issuer.publicKey, certificate.body, certificate.signature)
    if (!isRight) return WALLET_SW.BAD_SIGNATURE
    const isOwn =
      sameParty(party, self) && bytesEqual(certificate.publicKey.bytes, chip.publicKey.bytes)
    if (!isOwn) return WALLET_SW.NOT_ADDRESSED
    store.commit(
      { stage: 'in use', last: chip.digest(data), nonce: chip.nonce() },
      ownCertificatePart(data),
    )
    return SW.OK
  }
}

/** By P1: from which stage on, and what. */
const STEPS = [
  ['keyed', 'takePersonalisation'],
  ['personalised', 'takeOffice'],
  ['certified', 'takeOwn'],
] as const satisfies readonly (readonly [Stage, keyof CardMaking])[]
