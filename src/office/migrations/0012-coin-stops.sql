-- Cards of other banks that tills here are not to take: a hot list has them beside this office's own.

alter table hot_change drop constraint hot_change_card_fkey;

create table coin_card_abroad (
  card text primary key check (card ~ '^[0-9a-f]{16}$'),
  bank integer not null check (bank between 1 and 65535),
  -- of its bank's words about it, the newest
  number bigint not null check (number >= 1),
  stopped boolean not null
);

-- Up to which version of the hot list the notary knows this bank's own cards on it.
alter table coin_exchange add column stops_told bigint not null default 0;
