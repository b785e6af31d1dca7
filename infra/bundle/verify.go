package main

import (
	"archive/zip"
	"debug/elf"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxZipBytes is what the zip may weigh: a cold start downloads it.
const maxZipBytes = 15_000_000

// createdByUnix is the upper byte of a zip entry's "version made by".
const createdByUnix = 3

// checkBundle looks at what assemble made, as if someone else had.
func checkBundle(made bundle, arch string) findings {
	var all findings
	wanted := []string{hostFile, binaryName}
	for _, name := range made.Functions {
		wanted = append(wanted, name+"/"+functionFile)
	}
	checkFolder(&all, made.Folder, wanted)
	checkBinary(&all, filepath.Join(made.Folder, binaryName), arch)
	checkZip(&all, made.Zip, wanted)
	if made.ZipBytes > maxZipBytes {
		all.add(made.Zip, 0, "weighs %.1f MB; at most %.0f are allowed.", megabytes(made.ZipBytes), megabytes(maxZipBytes))
	}
	return all
}

func checkFolder(all *findings, folder string, wanted []string) {
	for _, name := range wanted {
		info, err := os.Stat(filepath.Join(folder, filepath.FromSlash(name)))
		if err != nil {
			all.add(folder, 0, "%s is missing from the folder.", name)
			continue
		}
		if mode := modeOf(name); info.Mode().Perm() != mode {
			all.add(folder, 0, "%s has mode %o in the folder; it must be %o.", name, info.Mode().Perm(), mode)
		}
	}
}

func modeOf(name string) fs.FileMode {
	if name == binaryName {
		return binaryMode
	}
	return fileMode
}

func checkBinary(all *findings, name, arch string) {
	file, err := elf.Open(name)
	if err != nil {
		all.add(name, 0, "is no Linux binary: %v.", err)
		return
	}
	defer file.Close()
	machine := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[arch]
	if file.Machine != machine || file.Class != elf.ELFCLASS64 {
		all.add(name, 0, "is built for %s, not for %s.", file.Machine, machine)
	}
	if file.Type != elf.ET_EXEC && file.Type != elf.ET_DYN {
		all.add(name, 0, "is %s, not an executable.", file.Type)
	}
	if slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		all.add(name, 0, "asks for a dynamic linker; it must be static.")
	}
	if file.Section(".symtab") != nil || file.Section(".debug_info") != nil || file.Section(".zdebug_info") != nil {
		all.add(name, 0, "still holds symbols or debug information; it must be stripped.")
	}
}

func checkZip(all *findings, name string, wanted []string) {
	archive, err := zip.OpenReader(name)
	if err != nil {
		all.add(name, 0, "is no zip: %v.", err)
		return
	}
	defer archive.Close()
	seen := map[string]bool{}
	var names []string
	for _, entry := range archive.File {
		names = append(names, entry.Name)
		switch {
		case strings.HasPrefix(entry.Name, "./"):
			all.add(name, 0, "the entry %q begins with \"./\": the host's tools compare names exactly.", entry.Name)
		case !fs.ValidPath(entry.Name) || strings.Contains(entry.Name, `\`):
			all.add(name, 0, "the entry %q is no plain relative path.", entry.Name)
		case seen[strings.ToLower(entry.Name)]:
			all.add(name, 0, "the entry %q is there twice.", entry.Name)
		case !slices.Contains(wanted, entry.Name):
			all.add(name, 0, "the entry %q does not belong into the bundle.", entry.Name)
		}
		seen[strings.ToLower(entry.Name)] = true
		if entry.CreatorVersion>>8 != createdByUnix {
			all.add(name, 0, "the entry %q is not marked as created by Unix, so its mode is lost.", entry.Name)
		} else if got := entry.Mode(); got != modeOf(entry.Name) {
			all.add(name, 0, "the entry %q has mode %o; it must be %o.", entry.Name, got, modeOf(entry.Name))
		}
		if !entry.Modified.Equal(bundled) {
			all.add(name, 0, "the entry %q bears a time of its own, so two builds would differ.", entry.Name)
		}
	}
	for _, entry := range wanted {
		if !slices.Contains(names, entry) {
			all.add(name, 0, "the entry %q is missing.", entry)
		}
	}
	if !slices.IsSorted(names) {
		all.add(name, 0, "the entries are not sorted, so two builds could differ.")
	}
}
