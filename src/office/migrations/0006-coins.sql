-- Coins: money that is on nobody's account while it is outside, and goes from hand to hand. Who holds
-- coins is an element: of a card, or of a till.

alter table account drop constraint account_kind_check;
alter table account add constraint account_kind_check check (
  kind in (
    'world', 'shadow', 'merchant', 'till-cash', 'suspense', 'fees', 'losses',
    'online', 'pool', 'reserve', 'coin-float'
  )
);
-- Nobody is paid for more coins than were bought.
alter table account add constraint account_float_covered check (kind <> 'coin-float' or balance >= 0);

create table coin_element (
  id text primary key check (id ~ '^[0-9a-f]{16}$'),
  role text not null check (role in ('identity element', 'coin element', 'vendor element')),
  -- the bank that made it: this office, or another one
  bank integer not null check (bank between 1 and 65535),
  certificate bytea not null,
  -- whose it is; both null of another bank's
  card text references card (id),
  till bigint references till (number),
  -- what coins are made for it with, sealed; null if it holds none, or is another bank's
  sealed bytea,
  sold integer not null default 0 check (sold >= 0),
  made_at bigint not null,
  check (num_nonnulls(card, till) <= 1),
  check (sealed is null or num_nonnulls(card, till) = 1)
);
create index coin_element_of_card on coin_element (card) where card is not null;
create index coin_element_of_till on coin_element (till) where till is not null;

-- Serial numbers of coins are never given twice, also where the sale is rolled back.
create sequence coin_serial;

-- A coin that this bank has made.
create table coin (
  id text primary key check (id ~ '^[0-9a-f]{16}$'),
  -- whom it was made for, and who had it by the longest chain that anybody has shown
  element text not null references coin_element (id),
  holder text not null,
  hops integer not null default 0 check (hops >= 0),
  value bigint not null check (value between 1 and 4294967295),
  currency text not null,
  expires bigint not null,
  -- who has bought it, and gets it back when nobody redeems it: a person or a merchant
  person bigint references person (id),
  merchant bigint references merchant (id),
  -- for that element only: given out again whenever it is asked for
  register bytea not null,
  made_at bigint not null,
  -- why its value went back to whoever had bought it; null while it is not
  refunded text check (refunded in ('expired', 'lost')),
  check (num_nonnulls(person, merchant) = 1)
);
create index coin_of_element on coin (element);
create index coin_of_holder on coin (holder);
create index coin_to_expire on coin (expires) where refunded is null;

-- What an element has signed: with one number one transfer, or there are two of it.
create table coin_step (
  giver text not null,
  sequence bigint not null,
  digest bytea not null check (length(digest) = 32),
  primary key (giver, sequence, digest)
);

-- Everybody who wants to be paid for a coin, with the item of evidence that says so.
create table coin_claim (
  coin text not null,
  evidence bytea not null check (length(evidence) = 32),
  bank integer not null,
  currency text not null,
  value bigint not null check (value > 0),
  expires bigint not null,
  creditor text not null references coin_element (id),
  chain jsonb not null,
  received_at bigint not null,
  primary key (coin, evidence)
);
create trigger coin_claim_append_only before update or delete on coin_claim
  for each row execute function refuse_change();

-- What became of a coin that somebody claims: one spend for each.
create table coin_spend (
  coin text primary key,
  -- who is paid for it; null while several want it
  creditor text references coin_element (id),
  -- where its money lies now; null while it is not this office's to pay
  account bigint references account (id),
  -- whether an operator has said whose it is
  decided boolean not null default false,
  -- how often its money has moved: makes each move's reference unique
  step integer not null default 0 check (step >= 0)
);
