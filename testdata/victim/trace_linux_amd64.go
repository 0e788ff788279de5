package victim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Fault is what befalls a process at one of its system calls on files below Root: which are counted from 1, over all threads.
type Fault struct {
	Root string
	At   int        // which of them; 0: none
	Err  unix.Errno // what it fails with; 0: the process is killed before it
	Only []string   // calls that are counted; nil: all that are known here
	Log  string     // a file that gets an Op for each call that succeeded and changed something, and the count; "": none
}

// Traced is the test binary in a role, to which a fault happens. Run it with [Run].
func Traced(f Fault, role string, env ...string) *exec.Cmd {
	spec, _ := json.Marshal(f)
	return Command(role, append(env, envTrace+"="+string(spec))...)
}

// kinds of arguments of system calls.
type call struct {
	name string
	fd   int // argument that is a descriptor, or -1
	path int // argument that is a path, or -1; the one before it, if at, is the folder that it begins in
	at   bool
	to   int // argument that is the second path, or 0
}

func calls() map[uint64]call {
	return map[uint64]call{
		unix.SYS_READ: {"read", 0, -1, false, 0}, unix.SYS_PREAD64: {"pread", 0, -1, false, 0}, unix.SYS_GETDENTS64: {"getdents", 0, -1, false, 0},
		unix.SYS_FSTAT: {"stat", 0, -1, false, 0}, unix.SYS_NEWFSTATAT: {"stat", -1, 1, true, 0}, unix.SYS_STAT: {"stat", -1, 0, false, 0}, unix.SYS_LSTAT: {"stat", -1, 0, false, 0},
		unix.SYS_OPENAT: {"open", -1, 1, true, 0}, unix.SYS_OPEN: {"open", -1, 0, false, 0},
		unix.SYS_WRITE: {"write", 0, -1, false, 0}, unix.SYS_PWRITE64: {"pwrite", 0, -1, false, 0}, unix.SYS_FTRUNCATE: {"truncate", 0, -1, false, 0},
		unix.SYS_FSYNC: {"fsync", 0, -1, false, 0}, unix.SYS_FDATASYNC: {"fsync", 0, -1, false, 0},
		unix.SYS_RENAME: {"rename", -1, 0, false, 1}, unix.SYS_RENAMEAT: {"rename", -1, 1, true, 3}, unix.SYS_RENAMEAT2: {"rename", -1, 1, true, 3},
		unix.SYS_LINK: {"link", -1, 0, false, 1}, unix.SYS_LINKAT: {"link", -1, 1, true, 3},
		unix.SYS_UNLINK: {"unlink", -1, 0, false, 0}, unix.SYS_UNLINKAT: {"unlink", -1, 1, true, 0}, unix.SYS_RMDIR: {"unlink", -1, 0, false, 0},
		unix.SYS_MKDIR: {"mkdir", -1, 0, false, 0}, unix.SYS_MKDIRAT: {"mkdir", -1, 1, true, 0},
		unix.SYS_CHMOD: {"chmod", -1, 0, false, 0}, unix.SYS_FCHMOD: {"chmod", 0, -1, false, 0}, unix.SYS_FCHMODAT: {"chmod", -1, 1, true, 0},
		unix.SYS_UTIMENSAT: {"utime", -1, 1, true, 0}, unix.SYS_FLOCK: {"flock", 0, -1, false, 0},
	}
}

// tracer watches one process and all its threads.
type tracer struct {
	fault   Fault
	calls   map[uint64]call
	pid     int
	mem     *os.File
	count   int
	ops     int
	log     *json.Encoder
	entered map[int]*entry // threads that are within a system call
}

// entry is a system call that a thread is within.
type entry struct {
	call
	op   Op
	arg  [6]uint64
	ours bool // below the root
	fail bool
}

// trace runs this binary again, traced, and ends as that ends. It is a process between the victim and the test: a tracer waits for all
// children of its process, and a test has others.
func trace(spec string) error {
	t := &tracer{calls: calls(), entered: map[int]*entry{}}
	if err := json.Unmarshal([]byte(spec), &t.fault); err != nil {
		return err
	}
	if t.fault.Log != "" {
		f, err := os.Create(t.fault.Log)
		if err != nil {
			return err
		}
		defer f.Close()
		t.log = json.NewEncoder(f)
	}
	runtime.LockOSThread() // only the thread that began a process may trace it
	cmd := exec.Command(os.Args[0])
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, envTrace+"=") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	var out bytes.Buffer
	pipe, w, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = w, w
	cmd.SysProcAttr = &unix.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	w.Close()
	read := make(chan error)
	go func() { _, err := out.ReadFrom(pipe); read <- err }()
	t.pid = cmd.Process.Pid
	status, err := t.follow()
	<-read
	os.Stdout.Write(out.Bytes())
	if t.log != nil {
		err = errors.Join(err, t.log.Encode(Op{Do: "end", Count: t.count}))
	}
	switch {
	case err != nil:
		return err
	case status.Signaled():
		unix.Kill(os.Getpid(), unix.SIGKILL)
		select {}
	case status.ExitStatus() != 0:
		return fmt.Errorf("exit status %d", status.ExitStatus())
	}
	return nil
}

// follow lets the process run to its end.
func (t *tracer) follow() (status unix.WaitStatus, err error) {
	if _, err := unix.Wait4(t.pid, &status, 0, nil); err != nil {
		return status, err
	}
	if t.mem, err = os.Open(fmt.Sprintf("/proc/%d/mem", t.pid)); err != nil {
		return status, err
	}
	defer t.mem.Close()
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(t.pid, options); err != nil {
		return status, err
	}
	unix.PtraceSyscall(t.pid, 0)
	for {
		thread, err := unix.Wait4(-1, &status, unix.WALL, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return status, err
		case (status.Exited() || status.Signaled()) && thread == t.pid:
			return status, nil
		case !status.Stopped():
			continue
		}
		signal := status.StopSignal()
		switch {
		case signal == unix.SIGTRAP|0x80:
			t.stopped(thread)
			signal = 0
		case signal == unix.SIGTRAP, signal == unix.SIGSTOP: // a thread has begun
			signal = 0
		}
		unix.PtraceSyscall(thread, int(signal)) // a thread that was killed meanwhile is told of by Wait4
	}
}

// stopped is a thread that enters or leaves a system call.
func (t *tracer) stopped(thread int) {
	var regs unix.PtraceRegs
	if unix.PtraceGetRegs(thread, &regs) != nil {
		return
	}
	e := t.entered[thread]
	if e == nil {
		t.entered[thread] = t.enter(thread, &regs)
		return
	}
	t.entered[thread] = nil
	switch result := int64(regs.Rax); {
	case e.fail:
		regs.Rax = uint64(-int64(t.fault.Err))
		unix.PtraceSetRegs(thread, &regs)
	case e.ours && result >= 0:
		t.done(e, result)
	}
}

// enter looks at a call, and has it fail or kills the process if it is its turn.
func (t *tracer) enter(thread int, regs *unix.PtraceRegs) *entry {
	e := &entry{arg: [6]uint64{regs.Rdi, regs.Rsi, regs.Rdx, regs.R10, regs.R8, regs.R9}}
	c, known := t.calls[regs.Orig_rax]
	if !known {
		return e
	}
	e.call, e.op = c, Op{Do: c.name, Before: t.ops}
	switch {
	case c.fd >= 0:
		e.op.Path = t.link(int(int32(e.arg[c.fd])))
	case c.path >= 0:
		e.op.Path = t.pathOf(e, c.path)
	}
	if c.to > 0 {
		e.op.To = t.pathOf(e, c.to)
	}
	if e.ours = strings.HasPrefix(e.op.Path, t.fault.Root+"/") || e.op.Path == t.fault.Root || strings.HasPrefix(e.op.To, t.fault.Root+"/"); !e.ours {
		return e
	}
	switch c.name {
	case "write":
		e.op.Offset, e.op.Data = t.position(int(int32(e.arg[0]))), t.octets(e.arg[1], e.arg[2])
	case "pwrite":
		e.op.Do, e.op.Offset, e.op.Data = "write", int64(e.arg[3]), t.octets(e.arg[1], e.arg[2])
	case "truncate":
		e.op.Offset = int64(e.arg[1])
	case "open":
		flags := e.arg[c.path+1]
		_, err := os.Lstat(e.op.Path)
		e.op.New, e.op.Cut = flags&unix.O_CREAT != 0 && err != nil, flags&unix.O_TRUNC != 0
	}
	if !t.counts(c.name) {
		return e
	}
	if t.count++; t.count == t.fault.At && t.fault.Err == 0 {
		fmt.Printf("%s %s\n", c.name, e.op.Path)
		unix.Kill(t.pid, unix.SIGKILL)
	} else if t.count == t.fault.At {
		fmt.Printf("%s %s: %v\n", c.name, e.op.Path, t.fault.Err)
		e.fail = true
		regs.Orig_rax = ^uint64(0) // no call
		unix.PtraceSetRegs(thread, regs)
	}
	return e
}

func (t *tracer) counts(name string) bool {
	if t.fault.Only == nil {
		return true
	}
	for _, only := range t.fault.Only {
		if only == name {
			return true
		}
	}
	return false
}

// done writes down a call that succeeded, if it changed something.
func (t *tracer) done(e *entry, result int64) {
	switch e.op.Do {
	case "write":
		e.op.Data = e.op.Data[:min(int(result), len(e.op.Data))]
	case "open":
		if !e.op.New && !e.op.Cut {
			return
		}
	case "truncate", "fsync", "rename", "link", "unlink", "mkdir":
	default:
		return
	}
	t.ops++
	if t.log != nil {
		t.log.Encode(e.op)
	}
}

// link is what a descriptor is open for.
func (t *tracer) link(fd int) string {
	path, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", t.pid, fd))
	return path
}

// position is where a descriptor reads and writes.
func (t *tracer) position(fd int) (n int64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", t.pid, fd))
	_, text, _ = bytes.Cut(text, []byte("pos:"))
	line, _, _ := strings.Cut(string(text), "\n")
	n, _ = strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	return n
}

func (t *tracer) octets(at, n uint64) []byte {
	p := make([]byte, n)
	read, _ := t.mem.ReadAt(p, int64(at))
	return p[:read]
}

// pathOf is the path that an argument points to.
func (t *tracer) pathOf(e *entry, n int) string {
	text, _, _ := bytes.Cut(t.octets(e.arg[n], 4096), []byte{0})
	path := string(text)
	if !filepath.IsAbs(path) && e.at && int32(e.arg[n-1]) != unix.AT_FDCWD {
		path = filepath.Join(t.link(int(int32(e.arg[n-1]))), path)
	}
	return path
}
