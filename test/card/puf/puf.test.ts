import { describe, expect, test } from 'vitest'
import { bytesEqual, utf8 } from '../../../src/kernel/bytes.ts'
import { publicKeyOfFleeting } from '../../../src/kernel/p256.ts'
import { fuzzyExtractor } from '../../../src/card/puf/fuzzy-extractor.ts'
import { KeyGenerator } from '../../../src/card/puf/key-generator.ts'
import { bitAt, enrol, NoisyPuf, type Puf } from '../../../src/card/puf/noisy-puf.ts'
import { Silicon } from '../../../src/card/puf/silicon.ts'
import { keystream } from './silicon.ts'

const noise = keystream('noise')

function device(structure: string, bitErrorRate = 0.05, responseBits = 765): NoisyPuf {
  return new NoisyPuf({ structure: utf8(structure), responseBits, bitErrorRate, noise })
}

function differing(a: Uint8Array, b: Uint8Array, bits = 765): number {
  return Array.from({ length: bits }, (_, at) => bitAt(a, at) ^ bitAt(b, at)).filter(Boolean).length
}

/** Remembers every response that it gave out, so that a test can see them wiped. */
function watched(puf: Puf): Puf & { readonly given: Uint8Array[] } {
  const given: Uint8Array[] = []
  return {
    responseBits: puf.responseBits,
    given,
    read(challenge) {
      const response = puf.read(challenge)
      given.push(response)
      return response
    },
  }
}

describe('a noisy PUF', () => {
  test('is the same device for the same structure, and nothing like another', () => {
    const response = device('a', 0).read(utf8('x'))
    expect(device('a', 0).read(utf8('x'))).toEqual(response)
    for (const other of [device('b', 0).read(utf8('x')), device('a', 0).read(utf8('y'))]) {
      expect(differing(response, other)).toBeGreaterThan(300)
      expect(differing(response, other)).toBeLessThan(465)
    }
  })

  test.each([0.01, 0.03, 0.05, 0.1, 0.25])('reads %f of all bits wrong', (rate) => {
    const [ideal, noisy] = [device('a', 0).read(utf8('x')), device('a', rate)]
    const places = new Uint32Array(765)
    let wrong = 0
    for (let read = 0; read < 400; read++) {
      const response = noisy.read(utf8('x'))
      expect((response[95] ?? 0) & 0x07, 'beyond the last bit').toBe(0)
      for (let at = 0; at < 765; at++) {
        const differs = bitAt(response, at) ^ bitAt(ideal, at)
        wrong += differs
        places[at] = (places[at] ?? 0) + differs
      }
    }
    const bits = 400 * 765
    expect(Math.abs(wrong - bits * rate)).toBeLessThan(5 * Math.sqrt(bits * rate * (1 - rate)))
    // Every bit is as likely as any other, the first and the last among them.
    const spread = 6 * Math.sqrt(400 * rate * (1 - rate))
    for (const count of places) expect(Math.abs(count - 400 * rate)).toBeLessThan(spread + 1)
  })

  test('most of several readings are the device itself', () => {
    expect(differing(enrol(device('a'), utf8('x')), device('a', 0).read(utf8('x')))).toBe(0)
  })

  test('two parts of a chip get different answers', () => {
    const silicon = new Silicon({ structure: utf8('a'), noise, bitErrorRate: 0 })
    const [one, two] = [silicon.part(utf8('one')), silicon.part(utf8('two'))]
    expect(differing(one.read(utf8('x')), two.read(utf8('x')))).toBeGreaterThan(300)
    // No part makes another part's challenge out of its own.
    expect(one.read(utf8('x'))).not.toEqual(silicon.part(utf8('on')).read(utf8('ex')))
  })
})

describe('a fuzzy extractor', () => {
  const extractor = fuzzyExtractor()

  test('finds the key again, and in no other response', () => {
    const { key, helper } = extractor.generate(enrol(device('a'), utf8('x')), noise)
    for (let read = 0; read < 200; read++) {
      const found = extractor.reproduce(device('a').read(utf8('x')), helper)
      expect(found && bytesEqual(found, key)).toBe(true)
    }
    expect(extractor.reproduce(device('b').read(utf8('x')), helper)).toBeUndefined()
    expect(extractor.reproduce(device('a').read(utf8('y')), helper)).toBeUndefined()
  })

  test('another key each time, for the same response', () => {
    const response = enrol(device('a'), utf8('x'))
    const [one, two] = [extractor.generate(response, noise), extractor.generate(response, noise)]
    expect(bytesEqual(one.key, two.key)).toBe(false)
    expect(differing(one.helper, two.helper)).toBeGreaterThan(200)
  })

  test('no key from a helper of which a bit was changed, wherever', () => {
    const response = device('a', 0).read(utf8('x'))
    const { helper } = extractor.generate(response, noise)
    for (let at = 0; at < 8 * helper.length; at++) {
      const changed = helper.slice()
      changed[at >> 3] = (changed[at >> 3] ?? 0) ^ (0x80 >> (at & 7))
      expect(extractor.reproduce(response, changed)).toBeUndefined()
    }
    expect(extractor.reproduce(response, helper.subarray(1))).toBeUndefined()
    expect(extractor.reproduce(response.subarray(1), helper)).toBeUndefined()
  })

  test('a response that is too far off gives none', () => {
    const response = device('a', 0).read(utf8('x'))
    const { helper } = extractor.generate(response, noise)
    let found = 0
    for (let read = 0; read < 200; read++) {
      if (extractor.reproduce(device('a', 0.3).read(utf8('x')), helper)) found++
    }
    expect(found).toBe(0)
  })
})

describe('a key generator', () => {
  const extractor = fuzzyExtractor()

  test('computes the same key whenever it is asked, and wipes what it is made of', () => {
    const puf = watched(device('a'))
    const generator = new KeyGenerator(puf, extractor)
    const { helper, publicKey } = generator.enrol(noise)
    for (let use = 0; use < 50; use++) {
      const used = generator.use(helper, (key) => {
        expect(puf.given.every((response) => response.every((byte) => byte === 0))).toBe(true)
        return publicKeyOfFleeting(key).bytes
      })
      expect(used && bytesEqual(used, publicKey.bytes)).toBe(true)
    }
    expect(puf.given.length).toBeGreaterThan(50)
  })

  test('another device has no such key', () => {
    const { helper } = new KeyGenerator(device('a'), extractor).enrol(noise)
    expect(new KeyGenerator(device('b'), extractor).use(helper, () => 'a key')).toBeUndefined()
  })

  test('wipes the key also when the work fails', () => {
    const puf = watched(device('a'))
    const generator = new KeyGenerator(puf, extractor)
    const { helper } = generator.enrol(noise)
    expect(() =>
      generator.use(helper, () => {
        throw new Error('work')
      }),
    ).toThrow('work')
    expect(puf.given.every((response) => response.every((byte) => byte === 0))).toBe(true)
  })
})
