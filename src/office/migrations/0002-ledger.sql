-- The evidence store, the chain ledger, accounts and cases.
-- 0001-registry.sql has the cards, tills, keys, products and people that these rows refer to.

-- Raw evidence: what a till sent, as it sent it. Append-only.
create table batch (
  id bigint generated always as identity primary key,
  till bigint not null references till (number),
  generation integer not null,
  number bigint not null check (number >= 1),
  digest bytea not null check (length(digest) = 32),
  previous bytea not null check (length(previous) = 32),
  -- by the till's clock
  made_at bigint not null,
  complete_up_to bigint not null,
  -- by the office's clock
  received_at bigint not null,
  items integer not null,
  bytes bytea not null,
  -- whether its items are in the ledger yet
  placed boolean not null default false,
  unique (till, number, digest)
);
-- What is encrypted and signed does not get smaller: trying costs more than writing it.
alter table batch alter column bytes set storage external;
create index batch_to_place on batch (id) where not placed;

-- Up to which number a till's batches are stored without a gap: what acknowledgements say.
create table till_intake (
  till bigint primary key references till (number),
  durable_up_to bigint not null default 0
);

-- Up to which number they are in the ledger without a gap, and what those declare to be whole, by the
-- till's clock. A table of its own: who stores batches and who places them must not wait for each other.
create table till_placement (
  till bigint primary key references till (number),
  placed_up_to bigint not null default 0,
  complete_up_to bigint not null default -1
);

-- Evidence that did not verify, with its reason. Nothing else is known of it.
create table rejected_item (
  batch bigint not null references batch (id),
  index integer not null,
  reason text not null,
  primary key (batch, index)
);

-- One record of one card's chain. A row that is not uploaded was only shown as a predecessor.
create table entry (
  card text not null references card (id),
  sequence integer not null check (sequence >= 0),
  digest bytea not null check (length(digest) = 32),
  kind text not null check (kind in ('issue', 'pay', 'load', 'passcode', 'reversal')),
  maker bigint not null,
  generation integer not null,
  made_at bigint not null,
  balance bigint not null,
  uploaded boolean not null,
  -- the rest is null until it is uploaded
  amount bigint check (amount >= 0),
  outcome text check (outcome in ('confirmed', 'unconfirmed', 'void')),
  previous bytea check (length(previous) = 32),
  previous_maker bigint,
  previous_balance bigint,
  previous_at bigint,
  previous_shown boolean,
  -- when the office first heard of it, by the office's clock
  received_at bigint not null,
  -- where its evidence lies: item `index` of that batch; null for what the office made itself
  batch bigint references batch (id),
  index integer,
  complete boolean not null default false,
  contested boolean not null default false,
  refuted boolean not null default false,
  -- whether a till has shown it as the card's state: the card did take it
  taken boolean not null default false,
  -- what an operator has said of its money, over every rule
  decision text check (decision in ('accepted', 'refused')),
  -- what its money does
  settlement text not null default 'none' check (settlement in ('none', 'held', 'settled')),
  settlement_step integer not null default 0,
  primary key (card, sequence, digest),
  check (not uploaded or (amount is not null and outcome is not null and previous_shown is not null)),
  check (not complete or uploaded)
) with (fillfactor = 80);
-- What somebody has shown and nobody handed in, by its maker.
create index entry_missing on entry (maker, made_at) where not uploaded;

-- Records of batches that came before an earlier batch: whether they were kept back can be told only
-- when the gap is closed.
create table late_check (
  till bigint not null,
  number bigint not null,
  card text not null,
  sequence integer not null,
  digest bytea not null,
  made_at bigint not null,
  primary key (till, card, sequence, digest)
);

create table token_use (
  token bytea not null check (length(token) = 32),
  card text not null,
  sequence integer not null,
  record bytea not null,
  till bigint not null,
  primary key (token, record)
);

-- Double entry. An account's balance is what transfers brought less what they took.
create table account (
  id bigint generated always as identity primary key,
  kind text not null check (
    kind in ('world', 'shadow', 'merchant', 'till-cash', 'suspense', 'fees', 'losses')
  ),
  -- a card, a till, a merchant; empty for the office's own
  owner text not null,
  currency text not null,
  balance bigint not null default 0,
  unique (kind, owner, currency)
) with (fillfactor = 50);

-- Append-only; the reference makes it happen once.
create table transfer (
  reference text primary key,
  -- the order in which they were posted
  id bigint generated always as identity,
  debit bigint not null references account (id),
  credit bigint not null references account (id),
  amount bigint not null check (amount > 0),
  -- by the office's clock
  at bigint not null,
  check (debit <> credit)
);
create index transfer_debit on transfer (debit, id);
create index transfer_credit on transfer (credit, id);

create table "case" (
  id bigint generated always as identity primary key,
  kind text not null,
  about text not null,
  card text references card (id),
  strength text not null check (strength in ('proven', 'suspected')),
  -- most suspect first
  suspects jsonb not null,
  amount bigint,
  records jsonb not null,
  opened_at bigint not null,
  changed_at bigint not null,
  -- a finding that later evidence explained away
  withdrawn boolean not null default false,
  resolved_at bigint,
  resolution text,
  unique (kind, about)
);
