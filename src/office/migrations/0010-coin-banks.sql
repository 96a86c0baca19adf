-- Several banks whose coins are taken by each other's vendors: what one shows another, what the bank of a
-- coin says of it, and who has its money.

-- What another bank has shown is evidence like a till's: stored raw and once, before anything is decided.
alter table batch
  add column office integer check (office between 1 and 65535),
  drop constraint batch_maker,
  add constraint batch_maker check (
    num_nonnulls(till, card, office) = 1
    and num_nonnulls(till, generation, number, previous, made_at, complete_up_to) in (0, 6)
  );
create unique index batch_of_office on batch (digest) where office is not null;
create index rejected_for_now on rejected_item (batch, index)
  where reason in ('unknown_vendor', 'unknown_element');

create table coin_bank (
  number integer primary key check (number between 1 and 65535),
  certificate bytea not null,
  -- by the office's clock
  known_since bigint not null
);

-- Whether the notary was told of this office's own elements.
alter table coin_element add column told boolean not null default false;
create index coin_element_untold on coin_element (id)
  where not told and num_nonnulls(card, till) = 1;

-- One row: how far the notary's news of coins is heard, and when last to its end.
create table coin_exchange (
  one boolean primary key default true check (one),
  heard bigint not null default 0,
  heard_at bigint,
  -- whether the notary knows that this office is a bank
  told boolean not null default false
);

-- Evidence that another bank has a part in.
create table coin_part (
  evidence bytea not null check (length(evidence) = 32),
  bank integer not null,
  told boolean not null default false,
  primary key (evidence, bank)
);
create index coin_part_untold on coin_part (evidence, bank) where not told;

-- What this bank says of coins of its own that vendors of other banks claim.
create table coin_decision (
  coin text primary key check (coin ~ '^[0-9a-f]{16}$'),
  -- of its words, from 1; 0: it has said nothing yet
  step integer not null default 0 check (step >= 0),
  verdict text check (verdict in (
    'unissued', 'expired', 'contested', 'owed elsewhere', 'accepted'
  )),
  creditor text references coin_element (id),
  office integer,
  -- which of them the notary was told
  told integer not null default 0,
  -- something has changed since
  stale boolean not null default true,
  check ((step = 0) = (verdict is null)),
  check ((verdict = 'accepted') = (creditor is not null)),
  check ((creditor is null) = (office is null))
);
create index coin_decision_open on coin_decision (coin) where stale or told < step;

-- Coins of other banks that vendors here claim, as their bank has said last: until then their money is
-- awaited.
create table coin_abroad (
  coin text primary key check (coin ~ '^[0-9a-f]{16}$'),
  bank integer not null,
  currency text not null,
  value bigint not null check (value > 0),
  step integer not null default 0 check (step >= 0),
  verdict text check (verdict in (
    'unissued', 'expired', 'contested', 'owed elsewhere', 'accepted'
  )),
  -- to whom it is owed, and whose vendor that is
  creditor text,
  office integer,
  check ((step = 0) = (verdict is null)),
  check ((creditor is null) = (office is null))
);
create index coin_abroad_awaited on coin_abroad (bank) where verdict is distinct from 'accepted';
