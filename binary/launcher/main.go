// The single file of deepsort: a program folder, compressed, and this launcher. The first start unpacks the folder into
// the user's cache; every start runs the program there. The program is the process itself where the system allows that
// (exec), so that signals, exit codes and terminals need no help.
package main

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// build.py writes both: the folder as .tar.gz, and "NAME FILES BYTES", what it unpacks to. NAME is the version and the
// beginning of the archive's SHA-256, so that files of different content never share a folder.
//
//go:embed payload.tar.gz
var payload string

//go:embed payload.txt
var description string

// Names the folder to unpack into.
const folderVariable = "DEEPSORT_UNPACK"

// Set by the shell that asks for completions: nothing else may be said then.
const completionVariable = "_DEEPSORT_COMPLETE"

func main() {
	var name string
	var whole extent
	if _, err := fmt.Sscan(description, &name, &whole.files, &whole.bytes); err != nil {
		fail(fmt.Errorf("this file is damaged: copy or download it again (%w)", err))
	}
	parent, err := programsFolder()
	if err != nil {
		fail(err)
	}
	program := filepath.Join(parent, name)
	// Whoever tidies caches may have taken a part of it.
	if found, err := measure(program); err != nil || found != whole {
		if os.Getenv(completionVariable) == "" {
			fmt.Fprintf(os.Stderr, "deepsort: unpacking itself into %s (%d MB, at the first start only)\n",
				program, whole.bytes/1_000_000)
		}
		if err := unpack(strings.NewReader(payload), parent, program); err != nil {
			fail(fmt.Errorf("%w. Set %s to another folder", err, folderVariable))
		}
		if found, err := measure(program); err != nil || found != whole {
			fail(fmt.Errorf("%s is not what was unpacked there: has another program changed it?", program))
		}
		removeUnused(parent, name)
	}
	use(program)
	executable := filepath.Join(program, "deepsort")
	if runtime.GOOS == "windows" {
		executable += ".exe"
	}
	code, err := run(executable, os.Args)
	if err != nil {
		fail(fmt.Errorf("%s cannot be started: %w. Where programs may not run from this folder, set %s to another one",
			executable, err, folderVariable))
	}
	os.Exit(code)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "deepsort:", err)
	os.Exit(1)
}

// programsFolder is the first folder of these that can be written: the one the user names, deepsort/program in the
// user's cache, a private one among the temporary files.
func programsFolder() (string, error) {
	if given := os.Getenv(folderVariable); given != "" {
		given, err := filepath.Abs(given)
		if err == nil {
			err = os.MkdirAll(given, 0o755)
		}
		if err != nil {
			return "", fmt.Errorf("cannot unpack into %s: %w", given, err)
		}
		return given, nil
	}
	cache, err := os.UserCacheDir()
	if err == nil {
		folder := filepath.Join(cache, "deepsort", "program")
		if err = os.MkdirAll(folder, 0o700); err == nil {
			if err = writable(folder); err == nil {
				return folder, nil
			}
		}
	}
	private, second := privateFolder()
	if second != nil {
		return "", fmt.Errorf("cannot unpack: %w; %w. Set %s to a folder that can be written", err, second, folderVariable)
	}
	return private, nil
}
