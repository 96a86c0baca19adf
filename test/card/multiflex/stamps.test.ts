import { describe, expect, test } from 'vitest'
import { Bench, firstSix, personalised, STAMP_KEY, VERIFY_PIN } from './cards.ts'

const FRESH = personalised()
/** What the machine sends before, "a sequence of 8 random bytes". */
const RANDOM = '5f0a1b2c3d4e5f60'
const PRICE = '000020'

/**
 * The vending machine of the document: it releases a product if the card says that the price was
 * taken off, and "the cryptogram returned by the card" is an encryption of the random bytes under "a
 * key possessed by all authentic cards".
 */
function vend(send: (apdu: string) => string): boolean {
  send('c0a40000023f00')
  send('c0a40000022000')
  send('c0a40000022003')
  send(VERIFY_PIN)
  send(`f086000008 ${RANDOM}`)
  if (send(`f034000003 ${PRICE}`) !== '610c') return false
  const answer = send('c0c000000c')
  return answer.slice(6, 12) === PRICE && answer.slice(12, 24) === firstSix(RANDOM, STAMP_KEY)
}

const valueOf = (bench: Bench) => bench.select('2000', '2003').send('c0b2000405').slice(4, 10)

describe('a vending machine that checks the stamp as the document says', () => {
  test('releases for a purse that was really decremented', () => {
    const bench = new Bench(FRESH)
    expect(vend((apdu) => bench.send(apdu))).toBe(true)
    expect(valueOf(bench)).toBe('0000e0')
  })

  test('releases nothing for "a laptop computer that is sending back the satisfactory completion status"', () => {
    expect(vend(() => '9000')).toBe(false)
    expect(
      vend((apdu) => (apdu.startsWith('f034') ? '610c' : `0000e0${PRICE}0102030405069000`)),
    ).toBe(false)
  })

  test('releases nothing for "the byte stream returned by an authentic card" to another random string', () => {
    const bench = new Bench(FRESH)
    bench
      .select('2000', '2003')
      .do(VERIFY_PIN, 'f086000008 0000000000000000', `f034000003 ${PRICE}`)
    const recorded = bench.send('c0c000000c')
    expect(vend((apdu) => (apdu.startsWith('f034') ? '610c' : recorded))).toBe(false)
  })

  test('releases for a middleman who has "the amount adjusted": he takes 1 off the card', () => {
    const bench = new Bench(FRESH)
    const middleman = (apdu: string) => {
      if (apdu.startsWith('f034')) return bench.send('f034000003 000001')
      const answer = bench.send(apdu)
      if (!apdu.startsWith('c0c0')) return answer
      const [value, cryptogram] = [answer.slice(0, 6), answer.slice(12)]
      return `${value}${PRICE}${cryptogram}`
    }
    expect(vend(middleman)).toBe(true)
    expect(valueOf(bench)).toBe('0000ff')
  })

  test('releases for a holder who lets Internal Authentication make the cryptogram, and pays nothing', () => {
    const bench = new Bench(FRESH)
    const holder = (apdu: string) => {
      if (apdu.startsWith('f034')) {
        bench.do(`c088000008 ${RANDOM}`)
        return '610c'
      }
      if (!apdu.startsWith('c0c0')) return bench.send(apdu)
      return `0000e0${PRICE}${bench.send('c0c0000006')}`
    }
    expect(vend(holder)).toBe(true)
    expect(valueOf(bench)).toBe('000100')
  })
})
