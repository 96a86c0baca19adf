-- What this office and its notary have told each other. An office without a notary has no rows here.

-- Where the notary is, and a next key that waits for its certificate; one row at most.
create table notary_seat (
  one boolean primary key default true check (one),
  url text,
  -- sealed: PKCS #8
  next_key bytea,
  -- number of the newest entry of the notary's feed that was done
  fed bigint not null default 0
);

-- Of the feed, what could not be read when it came: it is tried again, and holds up nothing.
create table notary_unread (
  number bigint primary key,
  entry bytea not null,
  received_at bigint not null
);

-- What the notary said of a payment or its refund: nobody is asked the same all the time.
create table notary_told (
  payment bytea not null check (length(payment) = 32),
  what text not null check (what in ('payment', 'refund')),
  said text not null,
  -- by the office's clock
  at bigint not null,
  primary key (payment, what)
);

-- Instructions that were never carried out, and whose permit the notary has back, or never gave.
create table notary_given_back (
  card text not null,
  number bigint not null,
  said text not null,
  at bigint not null,
  primary key (card, number),
  foreign key (card, number) references instruction (card, number)
);

-- The office's accounts at the notary, as it said last.
create table notary_account (
  currency text primary key,
  free bigint not null,
  issued bigint not null,
  at bigint not null
);
