import { checkExpectations } from '../expectations.ts'
import type { CarriedBatch } from '../party.ts'
import type { Path } from '../scenario/check-names.ts'
import { NOTARY_NAME } from '../scenario/scenario.ts'
import { verbOf, type Step, type StepOf, type Verb } from '../scenario/step-words.ts'
import type { Town } from '../town.ts'
import {
  buyCoins,
  buyFloat,
  fakeVendor,
  forgeCoins,
  loadAgain,
  noise,
  playBack,
  redeem,
  refundCoins,
  renew,
  steal,
} from './coins.ts'
import { batchName, rewrite, sync, upload } from './deliveries.ts'
import { resolve, show } from './operator.ts'
import { done, money, refused, type Outcome, type Stage } from './outcome.ts'
import { deposit, transfer, walletPolicy, withdraw } from './people.ts'
import { cashUp, changePasscode, cheat, issue, load, pay, retap, unblock } from './taps.ts'
import { give, loadUnbacked, refund, synchronise, topUp, unload } from './wallets.ts'

type Handler<V extends Verb> = (step: StepOf<V>, stage: Stage) => Promise<Outcome> | Outcome

const HANDLERS: { readonly [V in Verb]: Handler<V> } = {
  issue,
  pay,
  load,
  passcode: changePasscode,
  unblock,
  retap,
  giveUp: ({ giveUp }, { town }) => {
    const result = town.party(giveUp).giveUp()
    const text = `${giveUp} gives up its order`
    return result === 'done' ? done(text) : refused('no_order', text)
  },
  cashUp,
  pullModule: ({ pullModule }, { town }) => {
    const party = town.party(pullModule)
    const text = `the module is taken out of ${pullModule}`
    if (!party.module) return refused('no_module', text)
    party.putModule(undefined)
    return done(text)
  },
  putModule: ({ putModule, of = putModule }, { town }) => {
    town.putModule(putModule, of)
    return done(`${putModule} gets the module of ${of}`)
  },
  offline: ({ offline }, { town }) => {
    for (const party of town.someParties(offline)) party.line.connect(false)
    return done(`${offline.join(', ')}: no network`)
  },
  online: ({ online }, { town }) => {
    for (const party of town.someParties(online)) party.line.connect(true)
    return done(`${online.join(', ')}: network`)
  },
  sync,
  collect: ({ collect }, { town }) => {
    const batches = town.someParties(collect).flatMap((party) => party.carry())
    const isKnown = (batch: CarriedBatch) =>
      town.sticks.some(({ till, number }) => till === batch.till && number === batch.number)
    town.sticks.push(...batches.filter((batch) => !isKnown(batch)))
    return done(`on sticks: ${batches.map(batchName).join(', ') || 'nothing'}`)
  },
  upload,
  crash: async ({ crash }, { town }) => {
    for (const name of crash) {
      if (name === NOTARY_NAME) await town.offices.notary?.crash()
      else if (isOffice(town, name)) await town.offices.crash(name)
      else for (const party of town.someParties([name])) party.stop()
    }
    return done(`${crash.join(', ')}: no power`)
  },
  restart: async ({ restart }, { town }) => {
    for (const name of restart) {
      if (name === NOTARY_NAME) await town.offices.notary?.start()
      else if (isOffice(town, name)) await town.offices.start(name)
      else for (const party of town.someParties([name])) party.start()
    }
    await town.offices.settled()
    return done(`${restart.join(', ')}: running again`)
  },
  clone: ({ clone, as }, { town }) => {
    town.cards.set(as, town.card(clone).clone(as))
    return done(`${clone} is copied: ${as}`)
  },
  snapshot: ({ snapshot, as }, { town }) => {
    town.images.set(as, town.card(snapshot).memory())
    return done(`what is on ${snapshot} is remembered as ${as}`)
  },
  restore: ({ restore, to, chip }, { town }) => {
    const image = town.images.get(to)
    if (!image) return refused('no_image', `there is no image ${to}`)
    const card = town.card(restore)
    const text = `${to} is written back to ${restore}, a ${chip} chip`
    if (chip === 'magic') card.restoreAll(image)
    else if (!card.restoreWritable(image)) return refused('not_writable', text)
    return done(text)
  },
  invent: ({ invent: { till, card, amount, passcode } }, { town }) => {
    const text = `${till} invents a payment of ${money(town, amount.in(town.currency))} by ${card}`
    const { id } = town.card(card)
    if (id === undefined) return refused('not_issued', text)
    return cheat(text, () => town.party(till).crook?.invent(id, amount.in(town.currency), passcode))
  },
  release: ({ release }, { town }) => {
    town.party(release).crook?.books.release()
    return done(`${release} withholds nothing any more`)
  },
  rewrite,
  resolve,
  deposit,
  withdraw,
  transfer,
  topUp,
  unload,
  synchronise,
  give,
  refund,
  buyCoins,
  buyFloat,
  renew,
  refundCoins,
  noise,
  fakeVendor,
  forgeCoins,
  loadAgain,
  playBack,
  steal,
  redeem,
  loadUnbacked,
  walletPolicy,
  advance: async ({ advance }, { town }) => {
    await town.offices.settled()
    for (const name of town.offices.names) await town.offices.ifUp(name)?.sweep()
    return done(`time goes by: ${advance / 1000} s`)
  },
  show,
  expect: async ({ expect }, { town, index }) => {
    const path: Path = ['steps', index, 'expect']
    const misses = checkExpectations(expect, path, await town.overview.snapshot(), town.currency)
    return { ...done('what must hold now'), misses }
  },
}

export async function playStep(step: Step, stage: Stage): Promise<Outcome> {
  const verb = verbOf(step)
  // The schema has let no step without a verb through, and the verb decides its type.
  return verb === undefined ? done('nothing') : HANDLERS[verb](step as never, stage)
}

function isOffice(town: Town, name: string): boolean {
  return town.offices.names.includes(name)
}
