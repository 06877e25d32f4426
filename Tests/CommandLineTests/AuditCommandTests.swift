import Foundation
import TestSupport
import Testing

/// `audit` as a whole: what is found, journals that are cut off, shards, and ends.
@Suite struct AuditCommandTests {
    /// A folder with a tree of checkpoints, good and bad ones.
    private func withTree<Result>(_ body: (String) throws -> Result) throws -> Result {
        try TemporaryFolder.with { folder throws in
            let files = FileManager.default
            let copies = [
                "a/step-2.pt": "mlp.pt", "a/step-10.safetensors": "mlp.safetensors", "a/tuned.safetensors": "mlp-tuned.safetensors",
                "b/nan.safetensors": "nan.safetensors", "b/edge.npz": "edge.npz", "b/same.tar": "mlp.tar", "hub": "gpt2-tiny",
                "dcp": "containers/dcp", "modular.pt": "models/modular.pt",
            ]
            for (name, fixture) in copies {
                let place = "\(folder)/tree/\(name)"
                try files.createDirectory(atPath: (place as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
                try files.copyItem(atPath: Fixtures.path(fixture), toPath: place)
            }
            try Data("no checkpoint".utf8).write(to: URL(fileURLWithPath: folder + "/tree/b/bad.safetensors"))
            try Data().write(to: URL(fileURLWithPath: folder + "/tree/b/empty.pt"))
            return try body(folder)
        }
    }

    private func shell(_ line: String, in folder: String) throws -> CommandResult {
        try BuiltCommand.shell("cd \"$1\" || exit; " + line, folder)
    }

    private static let names = [
        "a/step-2.pt", "a/step-10.safetensors", "a/tuned.safetensors", "b/bad.safetensors", "b/edge.npz", "b/empty.pt", "b/nan.safetensors",
        "b/same.tar", "dcp", "hub", "modular.pt",
    ]

    private func objects(_ path: String) throws -> [[String: Any]] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
    }

    @Test func aTreeBecomesSortedRows() throws {
        try withTree { folder throws in
            let result = try shell("\"$M\" audit tree -o r.jsonl --jobs 2 --format jsonl", in: folder)
            #expect(result.status == 1)
            let file = try Data(contentsOf: URL(fileURLWithPath: folder + "/r.jsonl"))
            #expect(result.output == file)
            let rows = try objects(folder + "/r.jsonl")
            #expect(rows.map { $0["path"] as? String } == Self.names)
            let status = Dictionary(
                uniqueKeysWithValues: rows.compactMap { row in (row["path"] as? String).map { ($0, row["status"] as? String) } })
            for name in Self.names {
                let isBad = ["b/bad.safetensors", "b/empty.pt", "b/nan.safetensors"].contains(name)
                #expect(status[name] == (isBad ? "failed" : "ok"), "\(name)")
            }
            let lines = result.errors.split(separator: "\n").map(String.init)
            #expect(lines.first == "modinspect: b/bad.safetensors: failed: is a text file, not the weights", "\(lines)")
            #expect(lines.last == "modinspect: 3 of 11 checkpoints failed", "\(lines)")
            #expect(rows.first { $0["path"] as? String == "b/same.tar" }?["sameAs"] as? String == "a/step-2.pt")
        }
    }

    @Test func nothingIsWorkedOnAgainThatHasNotChanged() throws {
        try withTree { folder throws in
            let first = try shell("\"$M\" audit tree -o r.jsonl --format tsv --quiet", in: folder)
            let before = try Data(contentsOf: URL(fileURLWithPath: folder + "/r.jsonl"))
            let listed = try shell("\"$M\" audit tree -o r.jsonl --list --format tsv --quiet", in: folder).rows.dropFirst()
            #expect(listed.map { $0[0] } == Self.names && listed.allSatisfy { $0[1] == "known" })
            let again = try shell("\"$M\" audit tree -o r.jsonl --format tsv", in: folder)
            #expect(again.output == first.output && again.status == first.status)
            #expect(again.errors.hasPrefix("modinspect: note: 11 rows of r.jsonl used again\n"), "\(again.errors)")
            #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/r.jsonl")) == before)
            // Another time alone, another content of the same length, another file, and one that is gone.
            let changed = try shell(
                """
                touch -d @1000000000.5 tree/a/step-2.pt && sed -i s/no/No/ tree/b/bad.safetensors && cp tree/a/tuned.safetensors tree/new.pt &&
                rm tree/modular.pt && "$M" audit tree -o r.jsonl --list --format tsv --quiet | awk -F '\\t' '$2 == "work" { print $1 }' &&
                "$M" audit tree -o r.jsonl --format tsv; "$M" audit tree -o fresh.jsonl --quiet > /dev/null; cmp r.jsonl fresh.jsonl
                """, in: folder)
            #expect(changed.text.hasPrefix("a/step-2.pt\nb/bad.safetensors\nnew.pt\n"), "\(changed.text)")
            #expect(changed.errors.contains("note: 8 rows of r.jsonl used again\n"), "\(changed.errors)")
            #expect(changed.status == 0)
            let row = try objects(folder + "/r.jsonl").first { $0["path"] as? String == "a/step-2.pt" }
            #expect(row?["modified"] as? Int == 1_000_000_000_500_000_000)
        }
    }

    @Test func anAuditThatIsKilledAHundredTimesEndsWithTheSameBytes() throws {
        try withTree { folder throws in
            let result = try shell(
                """
                "$M" audit tree -o whole.jsonl --jobs 2 --quiet > /dev/null
                killed=0; runs=0
                while [ $killed -lt 100 ] && [ $runs -lt 1000 ]; do
                    runs=$((runs + 1))
                    "$M" audit tree -o r.jsonl --jobs 2 --quiet > out 2> err & audit=$!
                    sleep 0.$(printf %03d $((RANDOM % 150)))
                    kill -9 $audit 2> /dev/null
                    wait $audit 2> /dev/null
                    if [ $? = 137 ]; then
                        killed=$((killed + 1))
                    else
                        cmp r.jsonl whole.jsonl || exit 1
                        rm r.jsonl
                    fi
                done
                "$M" audit tree -o r.jsonl --quiet > /dev/null 2> err
                cmp r.jsonl whole.jsonl && echo same after $killed
                ls -A
                """, in: folder)
            #expect(result.text == "same after 100\nerr\nout\nr.jsonl\ntree\nwhole.jsonl\n", "\(result.text) \(result.errors)")
        }
    }

    @Test func shardsAndJobsChangeNothing() throws {
        try withTree { folder throws in
            let result = try shell(
                """
                "$M" audit tree -o whole.jsonl --jobs 1 --null 3 --quiet > whole.txt 2> /dev/null
                for count in 1 2 3 4 5; do
                    jobs=$((count % 3 + 1)); parts=
                    for number in $(seq $count); do
                        "$M" audit tree -o $count-$number.jsonl --shard $number/$count --jobs $jobs --null 3 --quiet > /dev/null 2>&1
                        parts="$count-$number.jsonl $parts"
                    done
                    "$M" audit --merge $parts -o merged.jsonl --quiet > merged.txt 2> /dev/null
                    echo $?
                    cmp merged.jsonl whole.jsonl && cmp merged.txt whole.txt || exit
                    cat $parts | wc -l
                done
                """, in: folder)
            // Of five shards one may have no row, and says so in a line.
            let numbers = result.text.split(separator: "\n").compactMap { Int($0) }
            #expect(numbers.count == 10 && result.status == 0, "\(result.text) \(result.errors)")
            for count in 0..<numbers.count / 2 {
                #expect(numbers[2 * count] == 1 && (11...13).contains(numbers[2 * count + 1]), "\(result.text)")
            }
        }
    }

    @Test func aJournalOfOtherOptionsIsRefused() throws {
        try withTree { folder throws in
            let result = try shell(
                """
                "$M" audit tree/a -o r.jsonl --quiet > /dev/null && cp r.jsonl before && "$M" audit tree/a -o r.jsonl -k 3; echo $?
                cmp r.jsonl before && "$M" audit tree/a -o r.jsonl -k 3 --restart --quiet > /dev/null; echo $?; cmp -s r.jsonl before; echo $?
                """, in: folder)
            #expect(result.text == "1\n0\n1\n")
            #expect(
                result.errors
                    == "modinspect: r.jsonl: was written with other options, expected k [3], found k [4]; --restart begins anew\n")
        }
    }

    @Test func aFileOfAnythingElseIsNotThrownAway() throws {
        try withTree { folder throws in
            let result = try shell(
                """
                echo notes > notes; "$M" audit tree/a -o notes --restart --quiet; echo $?; cat notes
                """, in: folder)
            #expect(result.text == "1\nnotes\n")
            #expect(result.errors == "modinspect: notes: is not a file of results, expected the results of modinspect audit\n")
        }
    }

    @Test func rowsOfAnotherTreeAreDroppedWithAWarning() throws {
        try withTree { folder throws in
            let result = try shell(
                """
                "$M" audit tree -o r.jsonl --quiet > /dev/null 2>&1; wc -l < r.jsonl; "$M" audit tree/a -o r.jsonl --quiet > /dev/null
                """, in: folder)
            let count = result.text.trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(
                result.errors.hasPrefix(
                    "modinspect: warning: r.jsonl: \(count) rows of checkpoints that are not found now will be dropped\n"))
        }
    }

    @Test func aFullDiskLeavesAWholeJournal() throws {
        try withTree { folder throws in
            let result = try shell(
                """
                "$M" audit tree -o whole.jsonl --quiet > /dev/null 2>&1
                (ulimit -f 4; "$M" audit tree -o r.jsonl --jobs 1 --quiet > /dev/null); echo $?
                tail -c 2 r.jsonl; wc -l < r.jsonl
                "$M" audit tree -o r.jsonl --quiet > /dev/null 2>&1; cmp r.jsonl whole.jsonl && echo same
                """, in: folder)
            let lines = result.text.split(separator: "\n")
            try #require(lines.count == 4, "\(result.text) \(result.errors)")
            #expect(lines[0] == "1" && lines[1] == "}" && lines[3] == "same")
            #expect((1...6).contains(Int(lines[2]) ?? 0))
            #expect(result.errors == "modinspect: r.jsonl: cannot write: file too large\n")
        }
    }

    /// Ends an audit of one checkpoint that is never done, and of others that are, by a signal.
    private func interrupted(_ signal: String, _ count: Int, in folder: String) throws -> CommandResult {
        try shell(
            """
            ulimit -c 0
            env --default-signal=INT,TERM,HUP,QUIT "$M" audit tree -o r.jsonl --jobs 1 --null 100 --layers all --quiet > out 2> err & audit=$!
            until [ -s r.jsonl ]; do kill -0 $audit || exit; done
            for time in $(seq \(count)); do kill -\(signal) $audit; sleep 0.1; done
            wait $audit 2> /dev/null; echo $?
            tail -c 2 r.jsonl
            cat err >&2
            """, in: folder)
    }

    @Test func anInterruptedAuditFinishesWhatIsUnderWay() throws {
        try withTree { folder throws in
            let result = try interrupted("INT", 1, in: folder)
            #expect(result.text == "130\n}\n", "\(result.text) \(result.errors)")
            let count = try objects(folder + "/r.jsonl").count
            #expect((1..<11).contains(count))
            #expect(
                result.errors.hasSuffix(
                    "modinspect: interrupted: \(count) of 11 checkpoints are in the result; the same command again continues\n"),
                "\(result.errors)")
            let text = try String(contentsOfFile: folder + "/out", encoding: .utf8)
            #expect(text.hasPrefix("\(count) checkpoint"))
        }
    }

    @Test(arguments: [("TERM", 143), ("HUP", 129), ("QUIT", 131)]) func otherSignalsEndItAtOnceWithWholeLines(signal: String, status: Int)
        throws
    {
        try withTree { folder throws in
            let result = try interrupted(signal, 1, in: folder)
            // The shell may say that a job hung up, and Swift's library must not write of a crash; the program has nothing to say.
            #expect(
                result.text == "\(status)\n}\n" && !result.errors.contains("modinspect: ") && !result.errors.contains("***"),
                "\(result.text) \(result.errors)")
            #expect(try String(contentsOfFile: folder + "/out", encoding: .utf8).isEmpty)
            #expect(try (1..<11).contains(objects(folder + "/r.jsonl").count))
        }
    }

    /// What a file that shrinks while it is read becomes.
    @Test func aFileThatIsCutUnderfootIsARow() throws {
        try withTree { folder throws in
            let result = try shell(
                """
                printf '\\x93NUMPY\\x01\\x00\\x76\\x00%-117s\\n' "{'descr': '<f4', 'fortran_order': False, 'shape': (100, 10000000)}" > tree/big.npy
                truncate -s $((128 + 4 * 1000000000)) tree/big.npy
                "$M" audit tree --include 'big.npy' --include '*.pt' --jobs 1 --format tsv --quiet 2> /dev/null & audit=$!
                until grep -qs big.npy $(sed 's|[0-9]*|/proc/&/maps|g' /proc/$audit/task/$audit/children 2> /dev/null) /dev/null; do
                    kill -0 $audit || exit
                done
                sleep 0.1; truncate -s 1000 tree/big.npy
                wait $audit; echo $?
                """, in: folder)
            let row = try #require(result.rows.first { $0[0] == "big.npy" }, "\(result.text) \(result.errors)")
            #expect(row[1] == "failed", "\(row)")
            #expect(row[2] == "the file was cut short while it was read, expected 4000000128 bytes, found 1000", "\(row)")
            #expect(result.rows.first { $0[0] == "a/step-2.pt" }?[1] == "ok")
            #expect(result.rows.last == ["1"])
        }
    }

    @Test func conditionsSetTheStatus() throws {
        try withTree { folder throws in
            let result = try shell("\"$M\" audit tree/b --fail-on 'nan,unreadable' --quiet > /dev/null", in: folder)
            #expect(result.status == 3)
            #expect(result.errors.contains("modinspect: nan.safetensors: nan: "), "\(result.errors)")
            let met = try shell("\"$M\" audit tree/a --fail-on 'nan,unreadable,adjusted<-9' --quiet > /dev/null", in: folder)
            #expect(met.status == 0 && met.errors.isEmpty, "\(met.errors)")
        }
    }

    @Test func otherSubcommandsSearchDirectoriesToo() throws {
        try withTree { folder throws in
            let result = try shell("\"$M\" score -r tree --format tsv --quiet 2> /dev/null | cut -f 1 | uniq", in: folder)
            let opened = Self.names.map { $0 == "hub" ? "tree/hub/model.safetensors" : "tree/" + $0 }
            #expect(result.rows.dropFirst().map { $0[0] } == opened, "\(result.text)")
            let info = try shell("\"$M\" info -qr tree/a tree/dcp --format tsv | cut -f 1 | uniq", in: folder)
            #expect(info.rows.dropFirst().map { $0[0] } == Array(opened[0..<3]) + ["tree/dcp"], "\(info.text)\(info.errors)")
        }
    }

    @Test(arguments: [
        ("--restart tree", "--restart requires --output"), ("--shard 0/3 tree", "--shard must be I/N with I from 1 to N, found '0/3'"),
        ("--memory 3X tree", "--memory: expected a number of bytes such as 500M, 2G or 2Gi, found '3X'"),
        ("-", "an audit needs names: standard input is not a checkpoint here; give a file"),
        ("", "missing argument <paths> ..., or --files-from <file>"),
        (
            "--format html -o page.html tree",
            "--output keeps the rows as jsonl, whatever --format says, found a name of html; write '-o rows.jsonl --format html > page.html'"
        ),
        (
            "--merge -o tests.XML r.jsonl",
            "--output keeps the rows as jsonl, whatever --format says, found a name of junit; write '-o rows.jsonl --format junit > tests.XML'"
        ),
        ("--list --format html tree", "--list has the formats text, tsv and jsonl"),
        ("--merge --jobs 2 r.jsonl", "--merge takes results alone, with --output, --format, --baseline, --fail-on and --measure"),
        ("--fail-on z<2 tree", "--fail-on with z, p or q requires --null"), ("--jobs 0 tree", "--jobs must be between 1 and 1024"),
        ("--fail-on adjusted-change<0 tree", "--fail-on with a change requires --baseline"),
    ])
    func wrongUsageIsOneLine(arguments: String, message: String) throws {
        let result = try BuiltCommand.run(["audit"] + arguments.split(separator: " ").map(String.init))
        #expect(result.status == 64 && result.errors == "modinspect: audit: \(message)\n", "\(result.errors)")
    }

    @Test func aTreeWithoutCheckpointsIsAProblem() throws {
        try TemporaryFolder.with { folder throws in
            let result = try shell("\"$M\" audit .", in: folder)
            #expect(result.status == 1 && result.errors == "modinspect: no checkpoints in .\n" && result.output.isEmpty)
        }
    }
}
