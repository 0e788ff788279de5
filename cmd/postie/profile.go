package main

import (
	"errors"
	"os"
	"runtime"
	"runtime/pprof"

	"github.com/spf13/pflag"
)

// profile is where a run leaves what `go tool pprof` reads, for those who work on its speed: --cpuprofile, --memprofile, which no
// help shows.
type profile struct {
	cpu, memory string   // files; "": none
	file        *os.File // of cpu, while that is written
}

func (p *profile) flags(f *pflag.FlagSet) {
	f.StringVar(&p.cpu, "cpuprofile", "", "write where time was spent to `FILE`, for pprof")
	f.StringVar(&p.memory, "memprofile", "", "write what was allocated to `FILE`, for pprof")
	for _, name := range []string{"cpuprofile", "memprofile"} {
		f.Lookup(name).Hidden = true
	}
}

func (p *profile) begin() (err error) {
	if p.memory != "" {
		runtime.MemProfileRate = 64 << 10 // before much is allocated
	}
	if p.cpu != "" {
		if p.file, err = os.Create(p.cpu); err == nil {
			err = pprof.StartCPUProfile(p.file)
		}
	}
	return err
}

// end writes the files. It may be called where nothing was begun.
func (p *profile) end() (err error) {
	if p.file != nil {
		pprof.StopCPUProfile()
		err = p.file.Close()
	}
	if p.memory == "" {
		return err
	}
	f, failed := os.Create(p.memory)
	if failed == nil {
		failed = errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
	}
	return errors.Join(err, failed)
}
