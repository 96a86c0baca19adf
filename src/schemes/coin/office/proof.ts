import { cardIdOf, digestOf } from '../../../kernel/ids.ts'
import type { Bytes } from '../../../kernel/bytes.ts'
import { unlessMalformed } from '../../../kernel/errors.ts'
import { isSignedBy, openMessage } from '../../../kernel/signed-message.ts'
import type { CoinProof, ElementId, ProofView } from '../../../office/coins/coinage.ts'
import { isConfirmedBy, readCertificate, type Confirmed } from '../certificates.ts'
import { evidence, payment, readCoin, request, settlement, transfer } from '../message.ts'
import { readBank } from './authority.ts'
import {
  bookable,
  elementIdOf,
  readOpened,
  stepOf,
  tillWords,
  type CoinDirectory,
} from './redemption.ts'

/** What somebody sees who has no secret of the office: docs/protocol/case.md. */
export const proof: CoinProof = {
  authority(secrets) {
    const { root, own } = readBank(secrets)
    return [root.bytes, own.bytes]
  },
  named: (opened) => unlessMalformed(() => namedIn(opened)) ?? [],
  told: tillWords,
  transfer: (opened, digest) =>
    transfersIn(opened).find((one) => digestOf(one.digest) === digest)?.bytes,
  view,
}

/** @throws {FormatError} if it cannot be read. */
function namedIn(opened: Uint8Array): readonly ElementId[] {
  const { content } = openMessage(evidence, opened)
  const asked = content.payment.map(
    (one) => openMessage(request, payment.decode(one).request).content,
  )
  const ids = [
    content.vendor,
    ...asked.flatMap(({ identity, element }) => [identity, element]),
    ...transfersIn(opened).flatMap((hop) => [hop.content.giver, hop.content.taker]),
  ]
  return [...new Set(ids.map(elementIdOf))]
}

/** All that it shows: of this payment, and of the chains of its coins. */
function transfersIn(opened: Uint8Array) {
  const { content } = openMessage(evidence, opened)
  const shown = [
    settlement.decode(content.settlement),
    ...content.payment.map((one) => payment.decode(one)),
  ]
  return shown.flatMap((one) => [
    openMessage(transfer, one.transfer),
    ...one.coins.flatMap((held) => readCoin(held).hops),
  ])
}

/** Undefined if one of these certificates is not signed by the root, which is first, or a bank under it. */
function view([first, ...rest]: readonly Bytes[]): ProofView | undefined {
  const root = first && unlessMalformed(() => readCertificate(first))
  const others = unlessMalformed(() => rest.map(readCertificate))
  if (root?.role !== 'root' || !others || !isConfirmedBy(root, root)) return undefined
  const banks = new Map(others.filter(isBank).map((bank) => [bank.bank, bank]))
  const elements = new Map(
    others.filter((one) => !isBank(one)).map((one) => [elementIdOf(one.element), one]),
  )
  const issuerOf = (one: Confirmed) => (isBank(one) ? root : banks.get(one.bank))
  const isGood = (one: Confirmed) => {
    const issuer = issuerOf(one)
    return issuer !== undefined && isConfirmedBy(one, issuer)
  }
  if (!others.every(isGood)) return undefined
  return viewOf({ bank: (number) => banks.get(number), element: (id) => elements.get(id) })
}

function isBank({ role }: Confirmed): boolean {
  return role === 'bank'
}

function viewOf(directory: CoinDirectory): ProofView {
  return {
    read: (opened) => bookable(readOpened(opened, directory)),
    step(bytes) {
      const signed = unlessMalformed(() => openMessage(transfer, bytes))
      const giver = signed && directory.element(elementIdOf(signed.content.giver))
      return giver && isSignedBy(signed, giver.publicKey) ? stepOf(signed) : undefined
    },
    bearer(element) {
      const found = directory.element(element)
      if (!found || found.role === 'bank' || found.role === 'root') return undefined
      if (found.role === 'vendor element') return { role: found.role, card: undefined }
      const own = found.role === 'coin element' ? found.element : found.partner
      return { role: found.role, card: cardIdOf(own) }
    },
  }
}
