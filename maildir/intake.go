package maildir

import (
	"errors"
	"syscall"
)

// A batch is as large as what an interrupted run may lose, and as what one flush of the disk should serve.
const (
	BatchMessages = 256
	BatchBytes    = 8 << 20 // octets
)

// Ledger is where an Intake writes down what it stores. T is what the caller knows of a message. Its methods are called by one
// goroutine, never two at once. An error of Arriving or Stored ends the Intake: it should be one that the next batch
// would meet too.
type Ledger[T any] interface {
	// Arriving records, durably, messages whose files are durable in tmp/ and have no other name yet. After a crash it tells whose a
	// file is that was published and not recorded as stored.
	Arriving(all []T) error

	// Stored records, durably, that messages are here: their names are durable, or they were added without a file. Those of
	// lost may be here or not, since what publishes them failed.
	Stored(stored, lost []T) error

	// Failed is told of a message that was not stored, and why. The others go on.
	Failed(one T, why error)
}

// Intake is the way in for messages, from whatever server: it collects them in batches, and has one made durable, in a
// goroutine of its own, while the next one comes in. NewIntake makes one; Close must be called, once.
//
// The crash order of a batch, the same for all who bring mail: files durable in tmp/, Ledger.Arriving, files published by
// rename and their folders durable, Ledger.Stored. Only what came through all of it may be deleted where it came from.
type Intake[T any] struct {
	limit  int
	step   func(string)
	ledger Ledger[T]

	current *portion[T]
	queue   chan *portion[T]
	done    chan struct{}
	failed  chan struct{} // closed at the first error
	err     error         // valid once failed or done is closed
}

// portion is a batch and what is known of its messages.
type portion[T any] struct {
	files Batch
	items []item[T]
}

type item[T any] struct {
	key Key // "": it has no file
	of  T
}

// NewIntake returns an Intake whose batches are full at limit messages (0: 256) or 8 MiB. step, unless nil, is told before each
// durable step of the batches (Batch.Step).
func NewIntake[T any](limit int, step func(string), ledger Ledger[T]) *Intake[T] {
	if limit == 0 {
		limit = BatchMessages
	}
	in := &Intake[T]{limit: limit, step: step, ledger: ledger,
		queue: make(chan *portion[T]), done: make(chan struct{}), failed: make(chan struct{})}
	in.begin()
	go in.work()
	return in
}

func (in *Intake[T]) begin() { in.current = &portion[T]{files: Batch{Step: in.step}} }

// Create begins a delivery in dir. A batch holds a descriptor for each message: where there are none left, it waits until
// all that was added is durable.
func (in *Intake[T]) Create(dir Dir) (*Delivery, error) {
	delivery, err := dir.Create()
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		in.drain()
		delivery, err = dir.Create()
	}
	return delivery, err
}

// Stage puts a delivery that is written in full into the current batch, and gives the key that it will have. Add must follow.
func (in *Intake[T]) Stage(f *Delivery, flags Flags) Key { return in.current.files.Add(f, flags) }

// Add puts a message into the current batch: key is what Stage gave for its file, or "" where it needs none. It waits while a
// full batch finds the one before not yet durable. The error is that of an earlier batch: nothing more will be stored.
func (in *Intake[T]) Add(of T, key Key) error {
	p := in.current
	p.items = append(p.items, item[T]{key, of})
	if len(p.items) < in.limit && p.files.Bytes() < BatchBytes {
		return nil
	}
	return in.flush()
}

func (in *Intake[T]) flush() error {
	p := in.current
	in.begin()
	select {
	case in.queue <- p:
		return nil
	case <-in.failed:
		p.files.Close()
		return in.err
	}
}

// drain waits until all that was added is durable.
func (in *Intake[T]) drain() {
	in.flush()
	in.flush() // an empty batch is taken when the one before is done
}

// Close commits what is left, waits for all, and returns the error that ended it, if one did.
func (in *Intake[T]) Close() error {
	in.flush() // its error is in.err
	close(in.queue)
	<-in.done
	return in.err
}

// errEnded is the error of an Intake whose Step or Ledger ended the goroutine that called it (runtime.Goexit, as FailNow of a test).
var errEnded = errors.New("ended while a batch was made durable")

func (in *Intake[T]) work() {
	defer close(in.done)
	for p := range in.queue {
		if len(p.items) > 0 && !in.commits(p) {
			return
		}
	}
}

// commits says whether a batch became durable. Whatever ends it otherwise, those who wait for it are told.
func (in *Intake[T]) commits(p *portion[T]) bool {
	in.err = errEnded
	defer func() {
		if in.err != nil {
			p.files.Close()
			close(in.failed)
		}
	}()
	in.err = in.commit(p)
	return in.err == nil
}

// commit makes a batch durable, in crash order.
func (in *Intake[T]) commit(p *portion[T]) error {
	var whole, files []item[T] // those that need no file
	for _, it := range p.items {
		if it.key == "" {
			whole = append(whole, it)
		} else {
			files = append(files, it)
		}
	}
	var lost []item[T]
	if len(files) > 0 {
		var err error
		if files, _, err = in.split(files, p.files.Sync()); err != nil {
			return err
		}
	}
	if len(files) > 0 {
		err := in.ledger.Arriving(known(files))
		if err != nil {
			return err
		}
		if files, lost, err = in.split(files, p.files.Publish()); err != nil {
			return err
		}
	}
	if len(whole)+len(files)+len(lost) == 0 {
		return nil
	}
	return in.ledger.Stored(known(append(whole, files...)), known(lost))
}

// split parts the messages of a batch by the outcome of its Sync or Publish: those that were stored, and those that failed,
// which the ledger is told of. The error is one that every further message would meet, or nil.
func (in *Intake[T]) split(items []item[T], outcome error) (stored, lost []item[T], err error) {
	var failures Failures
	if !errors.As(outcome, &failures) {
		return items, nil, outcome
	}
	why := make(map[Key]error, len(failures))
	for _, f := range failures {
		why[f.Key] = f.Err
	}
	for _, it := range items {
		switch cause := why[it.key]; {
		case cause == nil:
			stored = append(stored, it)
			continue
		case Hopeless(cause):
			err = cause
		default:
			in.ledger.Failed(it.of, cause)
		}
		lost = append(lost, it)
	}
	return stored, lost, err
}

func known[T any](items []item[T]) []T {
	all := make([]T, len(items))
	for i, it := range items {
		all[i] = it.of
	}
	return all
}

// Hopeless says whether an error of the store would strike every further message too: a disk that is full, or turned
// read-only.
func Hopeless(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EROFS)
}
