-- Payments between parties that each have an account, and what cards sign themselves.

alter table entry drop constraint entry_kind_check;
alter table entry add constraint entry_kind_check check (
  kind in ('issue', 'pay', 'load', 'passcode', 'reversal', 'receive', 'refund', 'unload', 'restore')
);

alter table account drop constraint account_kind_check;
alter table account add constraint account_kind_check check (
  kind in (
    'world', 'shadow', 'merchant', 'till-cash', 'suspense', 'fees', 'losses',
    'online', 'pool', 'reserve'
  )
);
-- Whether it must never be below 0: a card that signs its payments spends what it was given.
alter table account add column covered boolean not null default false;
-- What the pool has advanced to it and not got back: what comes next goes there.
alter table account add column owed bigint not null default 0 check (owed >= 0);
alter table account add constraint account_covered check (not covered or balance >= 0);
alter table account add constraint account_owes check (owed = 0 or covered);
-- Which account owes what: their sum is what the pool has advanced.
create index account_owing on account (currency) where owed > 0;

-- What one party paid another: shown by the payer's record or by the payee's, settled once.
create table payment (
  -- digest of the payer's record
  id bytea primary key check (length(id) = 32),
  payer_office integer not null,
  -- a card id
  payer text not null,
  payee_office integer not null,
  payee_kind text not null check (payee_kind in ('office', 'card', 'till')),
  -- a card id, a till number; empty for an office
  payee text not null,
  -- who held the card that paid its own office
  holder bigint references person (id),
  amount bigint not null check (amount > 0),
  currency text not null,
  -- digest of what the payee asked for: one card pays it once
  request bytea not null check (length(request) = 32),
  -- place in the payer's chain
  sequence bigint not null,
  -- by the clock of whoever asked for it
  made_at bigint not null,
  -- what shows it to another office or to the notary
  evidence bytea not null,
  -- digest of the payee's own record of it
  receipt bytea check (length(receipt) = 32),
  -- whether another office takes part: then the notary settles it
  at_notary boolean not null,
  -- by the office's clock
  received_at bigint not null,
  -- returning: settled, and to be given back: as soon as the payee has it, or the notary says so
  state text not null default 'pending'
    check (state in ('pending', 'settled', 'returning', 'returned')),
  -- how often its money has moved: makes each move's reference unique
  step integer not null default 0,
  check (at_notary = (payer_office <> payee_office))
);
create index payment_of_request on payment (payer, request);
create index payment_receipt on payment (receipt) where receipt is not null;
create index payment_open_from on payment (payer, currency)
  where state in ('pending', 'returning') and not at_notary;
create index payment_open_to on payment (payee, currency)
  where state in ('pending', 'returning') and not at_notary;
create index payment_for_notary on payment (made_at, id)
  where at_notary and state in ('pending', 'returning');

-- What a payee will not have from that payer, whether it was paid or may still be.
create table refund (
  payer_office integer not null,
  payer text not null,
  -- digest of the request that is refused
  request bytea not null check (length(request) = 32),
  payee_office integer not null,
  payee_kind text not null check (payee_kind in ('office', 'card', 'till')),
  payee text not null,
  -- what shows it to another office or to the notary
  evidence bytea not null,
  -- by the office's clock
  received_at bigint not null,
  primary key (payer, request, payer_office, payee_office, payee_kind, payee)
);

-- Numbers what the pool advances and gets back.
create sequence pool_move;
