-- What each bank has said last: by it a bank sees that this notary was put back to older books, and the
-- others that they have heard everything that its vendors took until then.
alter table bank
  add column said bigint not null default 0 check (said >= 0),
  -- by the clocks of the bank and its tills
  add column shown_up_to bigint not null default 0 check (shown_up_to >= 0);
