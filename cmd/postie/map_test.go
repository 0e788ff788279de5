package main

/*
The tests of the whole program, by the first word of their file:

	house_    the import table, the top level, what CONTRIBUTING says of both: the house itself
	script_   scenarios (testdata/script, testdata/script/firstrun): what users and scripts see, told as they would type it.
	          script_imap_ has the demo's server, script_play_ one that plays a dialogue, script_world_ a small internet on loopback for init and check
	init_     a person at a terminal sets up an account
	login_    ways to log in, and somebody in between
	fetch_    POP3
	sync_     IMAP, with devices that share an account: fleet_ is the account and its devices
	read_     list, search, show, status: without a server, while others write, on a terminal
	hook_     commands of the user: the recipes of the README
	act_      mark, move, delete, free
	cron_     fetch and sync with -q, as cron runs them: what it would mail
	watch_    what stays connected: devices, trouble, endurance
	quota_    what hosts permit, whatever command connects
	restore_  the recipe of the README
	retry_    what is tried again
	gone_     a message is believed to be gone only if it is: sync, fetch and list, beside a program that renames and removes
	root_     roots that are moved, exchanged, unmounted
	damage_   what may befall a database (fetch_damage_ and sync_damage_ run with it)
	fleet_    an account and the devices that share it, for all the others
	supply_   what the program is built from
	bench_    benchmarks beside mpop, mbsync and notmuch (bench_table_ is what .ci/bench runs), and the promise about memory

A new behaviour begins as a scenario in testdata/script: it needs no Dovecot, and is the shortest to read. What needs a
server with CONDSTORE and the like, other programs, chance, or thousands of messages stands in Go beside a fleet.

	go test -short ./...        everything that needs no server and no patience, in under a minute; the rest says why it is left out
	go test ./cmd/postie        also with a Dovecot, if it is installed
	.ci/run                     all of it, under the race detector

What is printed with --json in a scenario has to fit testdata/schema/events.json. A process that is to be killed is started
by testdata/victim.
*/
