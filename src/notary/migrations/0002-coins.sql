-- Banks whose coins are taken by each other's vendors: who they are, which elements are whose, and who has
-- the money for which coin.

-- number of the newest entry of its feed of coins
alter table office add column coin_feed bigint not null default 0;

create table bank (
  office integer primary key references office (number),
  certificate bytea not null,
  joined_at bigint not null
);

create table element (
  id bytea primary key check (length(id) = 8),
  bank integer not null references bank (office),
  certificate bytea not null
);

-- A coin that a vendor of another bank claims, as its own bank has said last.
create table coin (
  id bytea primary key check (length(id) = 8),
  -- the order in which they came
  arrived bigint generated always as identity,
  bank integer not null references bank (office),
  -- of the bank's words about it, from 1
  step integer not null check (step >= 1),
  verdict text not null check (verdict in (
    'unissued', 'expired', 'contested', 'owed elsewhere', 'accepted'
  )),
  -- to which vendor element of which bank it is owed; both null of a coin that is not accepted
  creditor bytea check (length(creditor) = 8),
  owed_to integer references bank (office),
  currency text not null,
  value bigint not null check (value > 0),
  -- waiting: accepted, and its bank has too little
  state text not null check (state in ('waiting', 'settled')),
  -- banks whose vendors claim it
  parties integer[] not null,
  changed_at bigint not null,
  check ((verdict = 'accepted') = (creditor is not null)),
  check ((creditor is null) = (owed_to is null)),
  check (state = 'settled' or verdict = 'accepted')
);
create index coin_waiting on coin (arrived) where state = 'waiting';

-- What a bank has paid another for a coin stays paid.
create function refuse_to_take_back() returns trigger language plpgsql as $$
begin
  if old.verdict = 'accepted' and (old.creditor, old.owed_to, old.value, old.currency)
    is distinct from (new.creditor, new.owed_to, new.value, new.currency)
  then
    raise exception 'a coin that was accepted stays so' using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger coin_accepted_for_good before update on coin
  for each row execute function refuse_to_take_back();

-- What is new for a bank, in an order of its own without gaps; the name makes it come once.
create table coin_feed (
  office integer not null references office (number),
  number bigint not null,
  name text not null,
  entry bytea not null,
  primary key (office, number),
  unique (office, name)
);
alter table coin_feed alter column entry set storage external;
create trigger coin_feed_append_only before update or delete on coin_feed
  for each row execute function refuse_change();
