# shellcheck shell=bash
# Checks the layout that the linker gave the programs (Build/link). test.sh sources this file after lib.sh.

# lib.sh sets these.
: "${top:?}" "${work:?}" "${pisw_mutate:?}"

# names_exist PROGRAM: at least 95 % of the names in its order file exist in the program.
names_exist() {
  local order=$top/Build/link/${1##*/}.order
  nm "$1" | awk '
    NR == FNR { names[$NF]; next }
    { total++; if ($1 in names) found++ }
    END { print found " of " total " names exist"; exit !(found >= total * 0.95 && total > 100) }' - "$order"
}

# fits_huge_pages SECTION PAGES: a section of pisw-serve ends within the first PAGES huge pages of its segment.
fits_huge_pages() {
  readelf --wide --sections "$top/.build/static/release/pisw-serve" | /usr/bin/python3 -c '
import re, sys
name, pages, huge = sys.argv[1], int(sys.argv[2]), 2 << 20
address, _, size = re.search(rf" {re.escape(name)} +PROGBITS +(\w+) (\w+) (\w+)", sys.stdin.read()).groups()
start, end = int(address, 16), int(address, 16) + int(size, 16)
free = start // huge * huge + pages * huge - end
print(f"{name} has {free} bytes left in its huge pages; Build/link/README.md says what to do if it has none")
sys.exit(free < 0)' "$1" "$2"
}

check "the order file of pisw-mutate names functions that exist" names_exist "$pisw_mutate"
check "the code for reviews fits into the huge pages for code" fits_huge_pages .text 4
check "the constants for reviews fit into the huge page for constants" fits_huge_pages .rodata 1
