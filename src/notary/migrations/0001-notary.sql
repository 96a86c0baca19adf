-- The notary's books: offices and their keys, reserves, permits, payments and cases.
-- Rows that say what happened once are held apart by unique constraints, not by who looks first.

create table office (
  number integer primary key check (number between 1 and 65535),
  -- by the notary's clock
  joined_at bigint not null,
  -- number of the newest entry of its feed
  feed bigint not null default 0
);

create table office_key (
  office integer not null references office (number),
  generation integer not null check (generation >= 1),
  certificate bytea not null,
  joined_at bigint not null,
  primary key (office, generation)
);

-- The notary's own keys: sealed private key, and the root's certificate once it is there.
create table notary_key (
  generation integer primary key check (generation >= 1),
  sealed_private_key bytea not null,
  certificate bytea,
  made_at bigint not null
);

-- Roots that the notary believes, and what they have signed about keys that are good no more.
create table root (
  certificate bytea primary key,
  added_at bigint not null
);
create table revocation (
  -- as party.ts writes it, with role and generation before it: office 1 office:2
  subject text primary key,
  signed bytea not null,
  at bigint not null
);

-- Double entry, a currency each: free is what an office may put on cards, issued is what its cards hold.
-- The world is where reserves come from and go to; office 0 has that account.
create table account (
  id bigint generated always as identity primary key,
  kind text not null check (kind in ('world', 'free', 'issued')),
  office integer not null,
  currency text not null,
  balance bigint not null default 0,
  unique (kind, office, currency),
  check (kind = 'world' or balance >= 0),
  check ((kind = 'world') = (office = 0))
) with (fillfactor = 50);

-- Append-only; the reference makes it happen once.
create table transfer (
  reference text primary key,
  id bigint generated always as identity,
  debit bigint not null references account (id),
  credit bigint not null references account (id),
  amount bigint not null check (amount > 0),
  at bigint not null,
  -- whose words these are: an operator's
  reason text,
  check (debit <> credit)
);

create table permit (
  office integer not null references office (number),
  card text not null check (length(card) = 16),
  number bigint not null check (number between 1 and 4294967295),
  -- of the instruction
  digest bytea not null check (length(digest) = 32),
  kind text not null check (kind in ('load', 'restore')),
  currency text not null,
  -- how much more the card may hold
  amount bigint not null check (amount >= 0),
  -- the notary's over the order, with which of its keys
  signature bytea not null check (length(signature) = 64),
  generation integer not null,
  given_back boolean not null default false,
  at bigint not null,
  primary key (office, card, number)
);

create table payment (
  -- digest of the payer's record
  id bytea primary key check (length(id) = 32),
  -- the order in which they came
  arrived bigint generated always as identity,
  payer_office integer not null,
  payer_card text not null check (length(payer_card) = 16),
  sequence bigint not null,
  -- digest of the request that it paid
  request bytea not null check (length(request) = 32),
  payee_office integer not null,
  -- where the payee's money lies: on cards, or not
  payee_account text not null check (payee_account in ('free', 'issued')),
  currency text not null,
  amount bigint not null check (amount > 0),
  evidence bytea not null,
  -- the card's public key: a card id with two keys is its office's doing
  card_key bytea not null check (length(card_key) = 64),
  -- returning: settled, then refused by the payee, and its money is not back yet
  state text not null check (state in ('waiting', 'settled', 'returning', 'returned')),
  waiting_for text check (waiting_for in ('reserve', 'payer office')),
  received_at bigint not null,
  changed_at bigint not null,
  unique (payer_office, payer_card, sequence),
  unique (payer_office, payer_card, request),
  check ((state = 'waiting') = (waiting_for is not null))
);
alter table payment alter column evidence set storage external;
create index payment_waiting on payment (currency, payer_office, arrived)
  where state in ('waiting', 'returning');

-- What payers' cards have taken back: whether the payment came before or comes after.
create table refund (
  id bytea primary key check (length(id) = 32),
  payer_office integer not null,
  payer_card text not null,
  request bytea not null,
  evidence bytea not null,
  received_at bigint not null,
  unique (payer_office, payer_card, request)
);

-- What became of each office's payments, in an order of its own without gaps.
create table feed (
  office integer not null references office (number),
  number bigint not null,
  payment bytea not null references payment (id),
  state text not null check (state in ('settled', 'returned')),
  primary key (office, number),
  unique (office, payment, state)
);

create table "case" (
  id bigint generated always as identity primary key,
  kind text not null check (
    kind in ('card-key-extracted', 'card-certified-twice', 'unbacked-money')
  ),
  about text not null,
  office integer not null,
  card text,
  strength text not null check (strength in ('suspected', 'proven')),
  amount bigint,
  -- bytes that anybody can check with the root's certificate
  evidence bytea[] not null,
  opened_at bigint not null,
  changed_at bigint not null,
  -- what came later has explained it
  withdrawn boolean not null default false,
  unique (kind, about)
);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'rows of % stay as they are', tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger transfer_append_only before update or delete on transfer
  for each row execute function refuse_change();
create trigger feed_append_only before update or delete on feed
  for each row execute function refuse_change();
