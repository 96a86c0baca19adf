import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { CommandFailed } from '../../src/cli/io.ts'
import { chooseReader } from '../../src/cli/pcsc.ts'
import { readVirtualReaders, virtualReaders } from '../../src/cli/reader-conf.ts'
import { READER_PROFILES } from '../../src/kernel/storage-apdu.ts'
import { profileOf } from '../../src/reader/pcsc/profiles.ts'

const { ACR122U, ACR1255U, PCSC, GENERIC } = READER_PROFILES

test.each([
  ['ACS ACR122U PICC Interface 00 00', ACR122U],
  ['ACS ACR1255U-J1 Reader 00 00', ACR1255U],
  ['ACS ACR1252 1S CL Reader PICC 0', ACR1255U],
  ['ACS ACR1281 1S Dual Reader 00 01', ACR1255U],
  ['Identiv uTrust 3720 Contactless Reader', PCSC],
  ['SCM Microsystems Inc. SCL011 Contactless Reader', PCSC],
  ['Identive CLOUD 4700 F Dual Interface Reader', PCSC],
  ['Virtual PCD 00 01', ACR122U],
  ['HID Global OMNIKEY 5022 Smart Card Reader', GENERIC],
  ['Alcor Micro AU9560 00 00', GENERIC],
])('%s has the MIFARE commands of its kind', (name, profile) => {
  expect(profileOf(name)).toBe(profile)
})

describe('a reader is meant by', () => {
  const names = ['Virtual PCD 00 00', 'Virtual PCD 00 01', 'ACS ACR122U 00 00', '1']
  test.each([
    ['Virtual PCD 00 01', 'Virtual PCD 00 01'],
    ['0', 'Virtual PCD 00 00'],
    ['1', '1'],
    ['acr', 'ACS ACR122U 00 00'],
    ['PCD 00 00', 'Virtual PCD 00 00'],
  ])('%s', (wanted, name) => {
    expect(chooseReader(names, wanted)).toBe(name)
  })

  test.each([
    ['PCD', '"PCD" may be each of: Virtual PCD 00 00; Virtual PCD 00 01. Say more'],
    ['Omnikey', 'there is no reader "Omnikey". There is: Virtual PCD 00 00; '],
    ['17', 'there is no reader "17". There is: '],
  ])('not by %s', (wanted, message) => {
    expect(() => chooseReader(names, wanted)).toThrow(CommandFailed)
    expect(() => chooseReader(names, wanted)).toThrow(message)
  })

  test('nothing where there is none', () => {
    expect(() => chooseReader([], '0')).toThrow('There is: none')
  })
})

describe('virtual readers in reader.conf(5)', () => {
  const DEBIAN = `FRIENDLYNAME "Virtual PCD"
DEVICENAME   /dev/null:0x8C7B
LIBPATH      /usr/lib/pcsc/drivers/serial/libifdvpcd.so
CHANNELID    0x8C7B
`
  const PAIR = [
    { name: 'Virtual PCD 00 00', port: 35_963 },
    { name: 'Virtual PCD 00 01', port: 35_964 },
  ]

  test.each([
    ['as Debian has it', DEBIAN, PAIR],
    ['among others', `# text\nFRIENDLYNAME "Old"\nLIBPATH /x/libgempc.so\n\n${DEBIAN}`, PAIR],
    ['with a port in decimal digits', DEBIAN.replace('0x8C7B', '35963'), PAIR],
    ['of which the reader is the client', DEBIAN.replace('/dev/null', 'localhost'), []],
    ['of another driver', DEBIAN.replace('vpcd.so', 'ccid.so'), []],
    ['without a name', DEBIAN.replace('FRIENDLYNAME', '#'), []],
    ['empty', '', []],
  ])('%s', (_, text, readers) => {
    expect(readVirtualReaders(text)).toEqual(readers)
  })

  test('are read from every file of the directory, if there is one', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'kontant-conf-'))
    writeFileSync(join(directory, 'vpcd'), DEBIAN)
    writeFileSync(join(directory, 'none'), '')
    expect(await virtualReaders(directory)).toEqual(PAIR)
    rmSync(directory, { recursive: true })
    expect(await virtualReaders(directory)).toEqual([])
  })
})
