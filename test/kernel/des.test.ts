import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/kernel/bytes.ts'
import { desCbcMac, desEncrypt } from '../../src/kernel/des.ts'

describe('DES', () => {
  test.each([
    // NBS Special Publication 500-20, variable plaintext and variable key known answers.
    ['0101010101010101', '8000000000000000', '95f8a5e5dd31d900'],
    ['0101010101010101', '0000000000000001', '166b40b44aba4bd6'],
    ['8001010101010101', '0000000000000000', '95a8d72813daa94d'],
    // FIPS PUB 81, appendix B: "Now is t".
    ['0123456789abcdef', '4e6f772069732074', '3fa40e8a984d4815'],
    // The test program of SCEZ, of which the card shows the first six bytes.
    ['4746584932567840', '644627e0079dd86c', '0d31a8f31cef78f8'],
  ])('key %s, block %s', (key, block, encrypted) => {
    expect(toHex(desEncrypt(fromHex(key), fromHex(block)))).toBe(encrypted)
  })

  test('chained: the last block of FIPS PUB 81, table C1', () => {
    const message = '4e6f77206973207468652074696d6520666f7220616c6c20'
    const mac = desCbcMac(
      fromHex('0123456789abcdef'),
      fromHex('1234567890abcdef'),
      fromHex(message),
    )
    expect(toHex(mac)).toBe('683788499a7c05f6')
  })

  test('parity bits count for nothing', () => {
    const block = fromHex('644627e0079dd86c')
    expect(desEncrypt(fromHex('4647594833577941'), block)).toEqual(
      desEncrypt(fromHex('4746584932567840'), block),
    )
  })
})
