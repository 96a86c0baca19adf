import { DEFAULT_DATA, DEFAULT_PORT, type Topic } from './options.ts'

const EXIT = `Exit status
  0  done
  1  it did not work, or an expectation of a scenario did not hold
  2  the command line is wrong
  3  an input file is missing or is not what it should be`

export const HELP = `kontant: offline stored-value payments. The money is on the card, the till needs no
network, the office names whoever cheated.

  kontant up                 a whole system on this machine: office, three tills, eleven cards
  kontant play FILE          plays a scenario and checks what it expects
  kontant office             an office
  kontant notary …           what stands between several offices: reserves, settlement
  kontant certificate …      a root, and what it certifies
  kontant till               a till
  kontant card …             card images: issue, show, list, clone and more
  kontant phone …            a wallet and its holder’s phone: load, pay, synchronise and more
  kontant coins …            coins for a card or a till: buy, load, list, refund and more
  kontant liquidity …        payments whose money is not there yet: show or set what becomes of them
  kontant reader …           card readers: list, watch, apdu
  kontant case …             a proven case as a file, and the key to check it with
  kontant verify-case FILE   checks such a file, offline

Start with \`kontant up\`. Every command has its own help: \`kontant play --help\`.

${EXIT}
`

export const TOPIC_HELP: Readonly<Record<Topic, string>> = {
  up: `kontant up [--data DIR] [--port N] [--currency EUR]

Runs everything on this machine, for a look around or for a first day of sales: an office with its
own PostgreSQL, three tills with their pages, and eleven virtual cards to tap on them: five of the
scheme block, two purse cards, two wallets and two cards with coins. Two of the tills have security
modules, for purse cards; the third one has a vendor element, for coins. Only this machine can reach
them. The first run makes an operator with a random password, merchants, products with tokens and
the cards; later runs go on where the last one stopped. Ctrl-C stops everything in order.

  --data DIR   where everything lies; default ${DEFAULT_DATA}
  --port N     of the office, ${DEFAULT_PORT} by default; the tills have the next three
  --currency   of everything, at the first run; default EUR

Also in DIR: \`login\` (name and password of the operator, readable by you only), \`cards/*\` (the
cards) and \`tills/*\` (the tills' files, each with the image of its module).

${EXIT}
`,
  office: `kontant office [--data DIR] [--host ADDRESS] [--port N] [--database URL]
               [--currency EUR] [--hand-in-max MIB]
kontant office request FILE --number N | --next
kontant office join CERTIFICATE --root FILE --notary FILE --url URL
kontant office rotate CERTIFICATE

Runs an office: the API that tills upload to, and the console. The first run makes a person who may
do everything, and writes name and password to DIR/login.

  --data DIR        its keys and, without --database, its PostgreSQL; default ${DEFAULT_DATA}
  --host ADDRESS    that it listens on; default 127.0.0.1, this machine only
  --port N          default ${DEFAULT_PORT}
  --database URL    a PostgreSQL of yours, 15 or newer; default: the variable DATABASE_URL, and
                    if there is none, one that is started in DIR
  --currency        of new tills and cards of which nothing else is said; default EUR
  --hand-in-max MIB stored a day in the name of one wallet card before cards have to have signed all
                    of it, 2 to 1024; default 4

An office is alone, with a root of its own, until it joins others under a notary, before its first
wallet card:

  request   writes a request for a certificate as office --number N; --next: of a further key
  join      takes what the root has made of it; --notary is the notary's certificate, --url where
            it listens
  rotate    signs with the further key from now on: older cards go on as they are

Put a proxy with TLS before it if it listens on a network.

${EXIT}
`,
  notary: `kontant notary [--host ADDRESS] [--port N]
kontant notary request FILE [--next]
kontant notary certify FILE --root FILE
kontant notary revoke FILE
kontant notary deposit|withdraw|release|cover OFFICE AMOUNT --reason TEXT [--currency EUR]
               [--reference TEXT]
kontant notary report|cases [--json]
               all with [--data DIR] [--database URL]

Alone it runs a notary: it countersigns what offices put on cards, against their reserves, and
settles once what cards of one office pay to another's. Everything else is for its operator, while
it runs or not.

  request   writes a request for its certificate; --next: of a further key
  certify   takes the certificate that the root has made of it, and believes that root from then on
  revoke    takes in what a root has revoked
  deposit   an office has paid in: more of its reserve is free
  withdraw  an office is paid out from what is free
  release   issued to free: money on cards that will never come back
  cover     free to issued: an office stands in for what its cards paid without cover
  report    what each office has free and issued, has paid and received, and what waits
  cases     who has spent twice or made money; --json has the evidence in hexadecimal

  --data DIR        its keys and, without --database, its PostgreSQL; default ${DEFAULT_DATA}-notary
  --database URL    a PostgreSQL of yours, not an office's; default: the variable DATABASE_URL
  --port N          default 7100
  --reference TEXT  the same twice is done once

${EXIT}
`,
  certificate: `kontant certificate root FILE [--generation N]
kontant certificate sign REQUEST --root FILE --out FILE
kontant certificate revoke CERTIFICATE --root FILE --out FILE
kontant certificate export ROOT --out FILE
kontant certificate show FILE [--json]
kontant certificate verify CERTIFICATE… --root CERTIFICATE

What a root does, on a machine that needs no network. Certificates are card-verifiable ones of BSI
TR-03110, as cvc-print of openpace reads them.

  root      makes a root's key, under a passphrase, in a new FILE
  sign      certifies a notary or an office: what \`kontant notary request\` and \`kontant office
            request\` have written
  revoke    says that a key is good no more
  export    the root's own certificate, which is no secret
  show      what a certificate says
  verify    one after the other, the first under the root, each under the one before

  --passphrase FILE  with the passphrase of the root; default: the variable KONTANT_PASSPHRASE
  --generation N     of the root, above 1 for one that follows another; default 1

${EXIT}
`,
  till: `kontant till --data DIR [--office URL] [--code CODE] [--port N] [--cards DIR]
             [--reader NAME] [--module IMAGE | --module-reader NAME] [--title NAME]
             [--merchant NAME]

Runs one till and its page. It needs no network to sell. The first time it has to be enrolled with a
code that an operator gets in the console.

  --data DIR     the till's own directory: its journal and key. Never run two tills on one
  --office URL   default http://127.0.0.1:${DEFAULT_PORT}
  --code CODE    such as 7-K3QX-90TB-5RZM, the first time only
  --port N       of its page on this machine; default ${DEFAULT_PORT + 1}
  --cards DIR    card images that can be tapped on the page; default ${DEFAULT_DATA}/cards
  --reader NAME  serves cards in this PC/SC reader as well: its number or name in
                 \`kontant reader list\`, or a part of the name that no other reader has
  --module IMAGE the till's security module, which purse cards need, as \`kontant card module\` makes
                 it: a name in the cards' directory, or the path of a file. No two tills on one
  --module-reader NAME  the PC/SC reader that holds the security module instead
  --title, --merchant   what page and receipts call the till and its shop

${EXIT}
`,
  card: `kontant card issue CARD [--scheme block|purse|wallet|coin] [--balance 25.00] [--currency EUR]
                        [--passcode 4821] [--holder N] [--office URL] [--login FILE]
                        [--cards DIR] [--json]
kontant card renew CARD --id OLD --reason TEXT [--lost] [--passcode 4821] [--office URL]
                        [--login FILE] [--cards DIR] [--json]
kontant card module CARD --till N [--scheme purse|coin] [--office URL] [--login FILE]
                        [--cards DIR] [--json]
kontant card show CARD      [--cards DIR] [--json]
kontant card list           [--cards DIR] [--json]
kontant card clone CARD COPY [--cards DIR] [--json]
kontant card unblock CARD --code CODE --passcode 4821 [--cards DIR] [--json]
kontant card serve CARD     [--port N | --reader NAME] [--cards DIR]

Cards as files: CARD.mfd is the memory of a MIFARE Classic 1K, 1024 bytes, as nfc-mfclassic reads
and writes it; CARD.card is any other card, with a header that says which; CARD.sam is a security
module.

  issue    asks the office for a new card and writes it to a new image. Prints the passcode, once;
           of any but a block card the PIN and the code that unblocks it
  renew    the same in the place of another card, which no till takes any more: what it held by its
           records goes to the new one, of a wallet to its holder's online wallet. Coins do not:
           \`kontant coins refund\` gives them back
  module   the same for the security module of a till, without which it cannot serve purse cards,
           or with --scheme coin for its vendor element, without which it takes no coins
  show     what can be read from a card without secrets
  list     all cards of the directory
  clone    copies a card, chip number and all, as a thief would
  unblock  what a holder does after three wrong PINs, with the code that came with the card: the
           PIN is a new one then. Cards of the scheme block block none
  serve    puts a card into a virtual reader (vsmartcard-vpcd), where every PC/SC program finds it.
           What is written on it is in its image at once. Ctrl-C takes it out again

  --cards DIR      where the images are; default ${DEFAULT_DATA}/cards
  --scheme         the card technology; default block
  --id OLD         number of the card whose place it takes, as the console has it
  --lost           somebody else may still hold that one: tills are told to refuse it
  --reason TEXT    stays in the audit log
  --till N         the till's number, as the console has it
  --code CODE      the unblocking code
  --balance        what it holds at first; default 0
  --currency       that it holds; default EUR
  --passcode       4 to 8 digits; default of a new card: made up
  --holder N       number of the person who holds it, from whose online wallet it is loaded, or
                   its coins are bought: a card for coins needs one
  --office URL     default http://127.0.0.1:${DEFAULT_PORT}
  --port N         where a virtual reader listens on this machine; default 35963, the first one
  --reader NAME    the virtual reader as PC/SC names it, or a part of that
  --login FILE     name and password of an operator, a line each; default: the variable
                   KONTANT_LOGIN, else ${DEFAULT_DATA}/login
  --json           the answer as JSON

${EXIT}
`,
  phone: `kontant phone show
kontant phone records --pin PIN
kontant phone sync    [--pin PIN]
kontant phone load AMOUNT --pin PIN
kontant phone unload AMOUNT --pin PIN
kontant phone ask AMOUNT  [--out FILE]
kontant phone pay FILE --pin PIN [--out FILE]
kontant phone receive FILE
kontant phone refuse FILE [--out FILE]
kontant phone refund FILE
kontant phone pin --pin PIN --new PIN
kontant phone unblock --code CODE --new PIN
              all with (--card CARD [--cards DIR] | --reader NAME) [--office URL]
              [--login FILE] [--memory DIR] [--json]

What the holder of a wallet card does with a phone. The phone only carries messages: the card signs,
checks and decides. If something gets lost, the same command again goes on from there, and nothing
happens twice.

  show     what anybody who has the card sees: what is on it, and what may be spent
  records  what the card has done that its office does not know yet
  sync     tells the office what the card did, and the card what the office has to say. Without the
           PIN only the latter, for a card whose PIN an operator has unblocked
  load     from the holder's online wallet to the card
  unload   back
  ask      the payee's card asks for money; FILE is for the payer's phone
  pay      the payer's card pays what FILE asks for; its answer is for the payee's phone
  receive  the payee's card takes the payment in
  refuse   the payee will not have what was asked for in FILE, paid or not; for the payer's phone
  refund   the payer's card takes its payment back
  pin      a new PIN; unblock does that with the code that came with the card

  --card CARD      an image of --cards DIR; default ${DEFAULT_DATA}/cards
  --reader NAME    the PC/SC reader that holds the card instead
  --pin PIN        of the card; default: the variable KONTANT_PIN, which nobody else sees
  --out FILE       default kontant.ask, kontant.paid, kontant.refused
  --office URL     default http://127.0.0.1:${DEFAULT_PORT}
  --login FILE     name and password of the holder, a line each, to load and unload; default: the
                   variable KONTANT_LOGIN, else ${DEFAULT_DATA}/login
  --memory DIR     where the phone keeps what it has begun; default ${DEFAULT_DATA}/phone
  --json           the answer as JSON; amounts in minor units

${EXIT}
`,
  coins: `kontant coins buy AMOUNT [--bound]
kontant coins load
                all with (--card CARD [--cards DIR] | --reader NAME)
kontant coins list (--card CARD | --reader NAME | --id CARD | --till N) [--held]
kontant coins takings TILL
kontant coins refund CARD --reason TEXT
                all with [--office URL] [--login FILE] [--json]
kontant coins cash-up [--page URL] [--json]

Coins for cards of the scheme coin, and for the vendor elements of tills that take them: \`kontant
card --help\` says how both are made, and shows what one holds. Coins come sealed to one chip:
nothing is lost if they stay on the way.

  buy      on a card, from the online wallet of its holder; on a vendor element as float for change,
           from what its merchant has at the office. Asked for again after a break, it buys once
  load     coins that were bought and are not there yet
  list     what the office knows of its coins, newest first: when each ends, and who has it
  takings  what a till has bought, holds, was paid, and what waits
  refund   gives back what a lost card held, once \`kontant card renew\` has put another in its place;
           CARD is its number in the console. Says which till has still to report
  cash-up  has a till that runs give up the coins of its vendor element, to be paid for them

  AMOUNT           such as 25.00, in as few coins as it takes; or the coins: 20+5
  --bound          only this card may spend them, and nobody may pass them on
  --card CARD      an image of --cards DIR, default ${DEFAULT_DATA}/cards, or the path of one. For the
                   element of a till that runs this waits: stop the till
  --reader NAME    the PC/SC reader that holds the card instead
  --held           coins that it has now, instead of those that were made for it
  --page URL       of the till; default http://127.0.0.1:${DEFAULT_PORT + 1}
  --office URL     default http://127.0.0.1:${DEFAULT_PORT}
  --login FILE     name and password of an operator, or of the card’s holder, a line each; default:
                   the variable KONTANT_LOGIN, else ${DEFAULT_DATA}/login
  --memory DIR     where a purchase without an answer is noted; default ${DEFAULT_DATA}/phone
  --json           the answer as JSON; amounts in minor units

${EXIT}
`,
  liquidity: `kontant liquidity show [--currency EUR] [--office URL] [--login FILE] [--json]
kontant liquidity set hold|pool|provenance --reason TEXT [--pool-max AMOUNT] [--currency EUR]
                      [--office URL] [--login FILE] [--json]

What an office does with a payment of a wallet card whose money is not there yet: Bob pays Charlie
with what Alice has paid him, and Charlie synchronises first.

  hold         it waits until the payer's money comes in; an office starts with this
  pool         it is paid at once: the office advances what is lacking, up to --pool-max in all, and
               gets it back from what that card gets next
  provenance   it waits as with hold; cards whose own policy has hops above 0 bring along what shows
               where their money came from, so that it is found sooner

A change holds from the next payment on. What the pool has advanced it gets back all the same.

  --pool-max AMOUNT  the most that the pool advances: needed for pool, else as it was. One number of
                     minor units for each currency: 50000.00 in EUR is 5000000 of each
  --currency         in which AMOUNT is written and shown; default EUR
  --reason TEXT      why, for whoever reads the audit log
  --office URL       default http://127.0.0.1:${DEFAULT_PORT}
  --login FILE       name and password, a line each, of somebody who works there, and to set, of one
                     who leads; default: the variable KONTANT_LOGIN, else ${DEFAULT_DATA}/login
  --json             policy, and poolMax in minor units

${EXIT}
`,
  reader: `kontant reader list  [--json]
kontant reader watch [--json]
kontant reader apdu HEX… [--reader NAME] [--json]

Card readers, by PC/SC. Needs its library and its service: on Debian, apt-get install pcscd
libpcsclite1. Without them everything else works.

  list     the readers that are plugged in, and what is in them. Also says which commands for MIFARE
           cards a reader is known to have, which is told from its name: docs/operating.md
  watch    the same, and every change from then on
  apdu     sends commands to the card, one after the other while no other program can, and prints
           what it answers: data, then the status word. Any answer counts as done

  HEX              a command APDU, such as ffca000000 for a contactless card's number
  --reader NAME    its number or name in the list, or a part of the name that no other reader has;
                   default: the only reader with a card
  --json           the answer as JSON; with \`watch\` a line each

${EXIT}
`,
  play: `kontant play FILE [--trace] [--json] [--database URL]

Plays a scenario with the real engines: emulated cards behind APDUs, real journals, a real office
over its API with a real PostgreSQL, and simulated time. Prints what the scenario asks to show, then
every card's ledger, all accounts and all cases, and checks what the scenario expects. The language
is in docs/scenarios.md, examples are in scenarios/.

  --trace          every message between cards, tills and the office too, in words
  --json           everything as one JSON object on standard output; progress goes to standard error
  --database URL   a PostgreSQL server where a database may be made and dropped; default: the
                   variable DATABASE_URL, and if there is none, one that is started for the play

Try: kontant play scenarios/shah.yaml

${EXIT}
`,
  case: `kontant case export ID [--out FILE] [--office URL] [--login FILE]
kontant case key [--out FILE] [--office URL]

What an office gives to others who are to see that somebody cheated. They check it with
\`kontant verify-case\`.

  export   a proven case with its evidence as one signed file. Of block cards it has keys that open
           the records of the cards concerned, and with them their passcodes: give it to nobody else
  key      the office's public key, which is no secret. Whoever checks a case must have it from
           somebody they trust: say its fingerprint on the telephone

  ID               the case's number in the console
  --out FILE       default case-ID.cose and office.pem
  --office URL     default http://127.0.0.1:${DEFAULT_PORT}
  --login FILE     name and password of somebody who may read cases, a line each; default: the
                   variable KONTANT_LOGIN, else ${DEFAULT_DATA}/login

${EXIT}
`,
  'verify-case': `kontant verify-case FILE --root KEYFILE [--json]

Checks, without network or database, that a case file is the office's, that its evidence is what the
tills and cards in it have signed, and that the case follows from it: by the same rules that an
office uses. Says what was checked, and who is proven to have done what.

  --root KEYFILE   the office's public key in PEM, as \`kontant case key\` writes it
  --json           the answer as JSON

Exit status
  0  proven
  1  it did not work
  2  the command line is wrong
  3  malformed: FILE or KEYFILE is missing or is not what it should be
  4  not_signed: not by this office, or changed since
  5  bad_evidence: a batch is not signed by the till that it names
  6  does_not_follow: the evidence is genuine and does not show the case
  7  office_only: the evidence is genuine, and that the case follows is the office's word, because
     it takes the office's secret keys or books to see; docs/protocol/case.md says when
`,
}
