package maildir

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
)

// syncers is how many fsyncs are under way at once: the disk merges the flushes of those that wait together.
const syncers = 32

// Batch publishes deliveries, of one Maildir or of several, at the price of few disk flushes. The zero value is ready.
// Not for use by several goroutines at once. From Add on the batch discards a delivery that it gives up.
//
// Crash order: files are durable in tmp/ (Sync) before any name in new/ or cur/ points to them (Publish), and these
// names are durable when Publish returns. In between the caller may record what is about to appear.
//
// # How files become durable
//
// Writing starts when a delivery is added (sync_file_range, Linux only), and Sync fsyncs the files, 32 at a time ("range+parallel32").
// BenchmarkDurable, median / worst milliseconds for 256 files, the ways in turn; Linux 6.18, ext4 on a virtual disk where
// one fsync costs 35 µs, 2 cores, busy with other work too from the third line on:
//
//	                       each        parallel8  parallel32  syncfs     range+each  range+parallel32
//	idle            4 KB   9.1 / 73    6.0 / 16   6.0 / 207   1.1 / 28   4.7 / 27    3.9 / 360
//	idle           12 KB   9.4 / 10    6.2 / 7    6.3 / 7     1.9 / 2    4.5 / 14    3.8 / 7
//	fsync 4 MB/s    4 KB   17 / 243    7.6 / 75   7.5 / 243   2.3 / 48   11 / 172    5.0 / 102
//	fsync 4 MB/s   12 KB   46 / 113    18 / 95    13 / 150    2.3 / 5    29 / 123    12 / 206
//	dirty 300 MB/s  4 KB   147 / 5294  20 / 1118  32 / 279    52 / 7569  64 / 869    18 / 1503
//	dirty 300 MB/s 12 KB   17 / 4429   11 / 665   11 / 857    7.3 / 4226 8.4 / 734   6.0 / 85
//
// syncfs is the fastest where nobody else writes much, but there the way chosen is fast enough. It waits for everybody's dirty pages, so
// that others set its price; it reports write errors since Linux 5.8 only, and does not pass through every FUSE file system.
// fsync is safe everywhere, and 32 that wait together share the disk's flushes, which matters where a flush is dear.
//
// A file stays open until Sync, so that a batch holds a descriptor for each delivery: a write error in between is sure to be
// reported only to the descriptor that wrote. (Linux keeps it with the inode for whoever opens the file next, but may
// drop the inode.) Go raises the limit of descriptors to what the system allows.
type Batch struct {
	// Step, if not nil, is told before each durable step, from the calling goroutine and in a fixed order:
	// "fsync FILE", "rename FILE", "fsync-dir DIR" (crash tests stop there).
	Step func(step string)

	deliveries []*Delivery
}

func (b *Batch) step(verb, path string) {
	if b.Step != nil {
		b.Step(verb + " " + path)
	}
}

// Add stages a delivery that is written in full, and gives the key that it will have. It is written out, not yet durable;
// an error met here is reported by Sync. Keywords become letters of the delivery's Maildir in Sync, which lists new ones in
// its keyword table; those for which no letter is left are not in the name.
func (b *Batch) Add(f *Delivery, flags Flags) Key {
	f.stage(flags)
	b.deliveries = append(b.deliveries, f)
	return f.key
}

// Bytes is the size of the deliveries on disk, in octets.
func (b *Batch) Bytes() (n int64) {
	for _, f := range b.deliveries {
		n += f.disk
	}
	return n
}

// Sync makes the files durable in tmp/, where they are not visible yet. Those that fail are named in Failures,
// discarded, and leave the batch; the others stay.
func (b *Batch) Sync() error {
	b.assignLetters()
	var wg sync.WaitGroup
	slots := make(chan struct{}, syncers)
	for _, f := range b.deliveries {
		if f.err != nil || f.state != staged {
			continue
		}
		b.step("fsync", f.path)
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			f.sync()
		})
	}
	wg.Wait()
	return b.drop()
}

// assignLetters turns keywords into letters, by one look at the keyword table of each Maildir. The table is durable before
// a file name uses it, else a crash would leave letters without a meaning.
func (b *Batch) assignLetters() {
	wanted := map[Dir][]string{}
	for _, f := range b.deliveries {
		if f.state == staged && f.flags.Keywords != "" {
			wanted[f.dir] = append(wanted[f.dir], f.flags.Keywords.Names()...)
		}
	}
	type result struct {
		table KeywordTable
		err   error
	}
	tables := map[Dir]*result{}
	for _, f := range b.deliveries {
		if f.state != staged || f.flags.Keywords == "" {
			continue
		}
		r := tables[f.dir]
		if r == nil {
			r = new(result)
			r.table, r.err = f.dir.addKeywords(NewKeywords(wanted[f.dir]...), b.step)
			tables[f.dir] = r
		}
		f.fail("deliver", r.err)
		letters, _ := r.table.Letters(f.flags.Keywords)
		f.name(lettersOf(letters))
	}
}

// Publish renames what was synced into new/, or cur/ when it has flags, and then fsyncs each folder once. Those that fail
// are named in Failures: if the rename failed the delivery is discarded; if the fsync of the folder failed the
// message is there, but a crash may take it. What was added after the last Sync stays for the next one.
func (b *Batch) Publish() error {
	var folders []string
	in := map[string][]*Delivery{}
	for _, f := range b.deliveries {
		if f.state != durable {
			continue
		}
		to := f.dir.Path(f.entry)
		b.step("rename", to)
		if f.fail("publish", rename(f.path, to)); f.err != nil {
			continue
		}
		f.state = published
		dir := filepath.Dir(to)
		if in[dir] == nil {
			folders = append(folders, dir)
		}
		in[dir] = append(in[dir], f)
	}
	for _, dir := range folders {
		b.step("fsync-dir", dir)
		if err := SyncDir(dir); err != nil {
			for _, f := range in[dir] {
				f.fail("publish", err)
			}
		}
	}
	err := b.drop()
	b.deliveries = slices.DeleteFunc(b.deliveries, func(f *Delivery) bool { return f.state == published })
	return err
}

// Close discards what is not published. The batch is empty afterwards and may be used again.
func (b *Batch) Close() error {
	var errs []error
	for _, f := range b.deliveries {
		errs = append(errs, f.Close())
	}
	b.deliveries = nil
	return errors.Join(errs...)
}

// drop takes the deliveries that failed out of the batch.
func (b *Batch) drop() error {
	var fails Failures
	b.deliveries = slices.DeleteFunc(b.deliveries, func(f *Delivery) bool {
		if f.err != nil {
			fails = append(fails, Failure{f.key, f.err})
			f.Close() // what cannot be removed either, CleanTmp takes
		}
		return f.err != nil
	})
	return fails.orNil()
}

// Failure is one message that was not stored.
type Failure struct {
	Key Key
	Err error
}

// Failures names each message of a batch that was not stored; all others were.
type Failures []Failure

func (all Failures) orNil() error {
	if len(all) == 0 {
		return nil
	}
	return all
}

func (all Failures) Error() string {
	s := fmt.Sprintf("store message %s: %v", all[0].Key, all[0].Err)
	if n := len(all) - 1; n > 0 {
		s += fmt.Sprintf(" (and %d more)", n)
	}
	return s
}

// Unwrap lists the causes.
func (all Failures) Unwrap() []error {
	errs := make([]error, len(all))
	for i, f := range all {
		errs[i] = f.Err
	}
	return errs
}
