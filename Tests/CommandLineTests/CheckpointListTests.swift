import Foundation
import TestSupport
import Testing

/// Several checkpoints in one call: those that fail, lists of files, interruptions.
@Suite struct CheckpointListTests {
    private static let good = Fixtures.path("mlp.pt")
    private static let other = Fixtures.path("cnn.pt")

    /// The subcommands that take several checkpoints, with what else they need.
    private static let commands: [[String]] = [
        ["info"], ["score"], ["eval", "--arch", "fc1,relu,fc2,relu,fc3,relu,fc4", "--data", "x.npz"],
    ]

    /// Runs a line of shell in a folder with the checkpoints `a` and `c`, a `b` that is none, and data for them.
    private func shell(_ line: String) throws -> CommandResult {
        try TemporaryFolder.with { folder in
            let files = FileManager.default
            for name in ["a", "c"] { try files.copyItem(atPath: Fixtures.path("models/mnist-mlp.pt"), toPath: folder + "/" + name) }
            try files.copyItem(atPath: Fixtures.path("models/mnist-mlp.npz"), toPath: folder + "/x.npz")
            try Data("no checkpoint\n".utf8).write(to: URL(fileURLWithPath: folder + "/b"))
            return try BuiltCommand.shell("cd \"$1\" && " + line, folder)
        }
    }

    private func object(_ line: some StringProtocol) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }

    private func quoted(_ command: [String]) -> String { command.map { "'\($0)'" }.joined(separator: " ") }

    /// Given as an argument or in a list; `audit` reads it.
    @Test func aNameThatIsNotUTF8FailsAlone() throws {
        for line in [
            "\"$M\" score -q --format tsv a $'b\\xff' c", "printf 'a\\nb\\377\\nc\\n' | \"$M\" score -q --format tsv --files-from -",
        ] {
            let result = try shell("cp a $'b\\xff' && " + line)
            #expect(result.status == 1)
            #expect(
                result.errors.split(separator: "\n") == [
                    "modinspect: b\\xFF: has a name that is not UTF-8, which only audit takes", "modinspect: 1 of 3 checkpoints failed",
                ])
            #expect(Set(result.rows.dropFirst().map { $0[0] + " " + ($0.last ?? "") }).count == 3, "\(result.text)")
        }
        let audited = try shell("cp a $'b\\xff' && \"$M\" audit -q --format tsv a $'b\\xff'")
        #expect(audited.status == 0 && audited.rows.count == 3, "\(audited.errors)")
        // As anything else it would name another file.
        let refused = try shell("\"$M\" score -q a -o $'b\\xff'")
        #expect(refused.status == 64 && refused.errors.contains("is not UTF-8"))
    }

    /// Programs that read a result find the failure in it, also where there is nothing else.
    @Test(arguments: commands, ["absent", "b"]) func aSingleFailedCheckpointIsInTheResult(command: [String], name: String) throws {
        let line = "\"$M\" \(quoted(command)) --quiet \(name) --format "
        let json = try shell(line + "json")
        #expect(json.status == 1 && json.errors.split(separator: "\n").count == 1)
        let checkpoints = try #require(try object(json.text)["checkpoints"] as? [[String: Any]])
        #expect(checkpoints.count == 1 && Set(checkpoints[0].keys) == ["path", "error"] && checkpoints[0]["path"] as? String == name)
        let tsv = try shell(line + "tsv")
        #expect(tsv.status == 1 && tsv.rows.count == 2 && tsv.rows[1].first == name && tsv.rows[1].last == "failed")
        let jsonl = try shell(line + "jsonl")
        #expect(try jsonl.status == 1 && (object(jsonl.text)["checkpoint"] as? [String: Any])?["error"] != nil)
        let text = try shell(line + "text")
        #expect(text.status == 1 && text.output.isEmpty)
    }

    @Test(arguments: commands) func aFailedCheckpointKeepsItsPlaceInTheResult(command: [String]) throws {
        let line = "\"$M\" \(quoted(command)) --quiet a b absent c --format "
        let json = try shell(line + "json")
        #expect(json.status == 1)
        let lines = json.errors.split(separator: "\n")
        #expect(lines.count == 3 && lines[0].hasPrefix("modinspect: b: ") && lines[1].hasPrefix("modinspect: absent: "), "\(json.errors)")
        #expect(lines.last == "modinspect: 2 of 4 checkpoints failed")
        let checkpoints = try #require(try object(json.text)["checkpoints"] as? [[String: Any]])
        #expect(checkpoints.map { $0["path"] as? String } == ["a", "b", "absent", "c"])
        #expect(checkpoints.map { $0["error"] == nil } == [true, false, false, true])
        let error = try #require(checkpoints[2]["error"] as? [String: Any])
        #expect(Set(error.keys) == ["what", "expected", "found"])
        #expect(error["what"] as? String == "no such file or directory" && error["expected"] is NSNull)
        #expect(Set(checkpoints[1].keys) == ["path", "error"])

        let rows = try shell(line + "tsv").rows
        #expect(rows.allSatisfy { $0.count == rows[0].count } && rows[0].last == "status")
        let status = rows.dropFirst().reduce(into: [String: Set<String>]()) { $0[$1[0], default: []].insert($1.last ?? "") }
        #expect(status == ["a": ["ok"], "b": ["failed"], "absent": ["failed"], "c": ["ok"]])

        let jsonl = try shell(line + "jsonl").text.split(separator: "\n").map(object)
        let failed = jsonl.compactMap { $0["checkpoint"] as? [String: Any] }.filter { $0["error"] != nil }
        #expect(failed.map { $0["path"] as? String } == ["b", "absent"])

        let text = try shell(line + "text").text
        #expect(text.contains("\nabsent\n  failed: no such file or directory\n\nc\n"), "\(text)")
    }

    @Test func aSingleCheckpointThatFailsIsInTheFileOfResults() throws {
        let result = try shell("\"$M\" score b --format tsv -o out; status=$?; tail -n 1 out; ls; exit $status")
        #expect(result.status == 1 && result.text.hasPrefix("b\t") && result.text.hasSuffix("\tfailed\na\nb\nc\nout\nx.npz\n"))
        let text = try shell("\"$M\" score b -o out; ls")
        #expect(text.text == "a\nb\nc\nx.npz\n")
        #expect(result.errors.split(separator: "\n").count == 1)
    }

    @Test(arguments: commands) func pathsComeFromAFileAndFromStandardInput(command: [String]) throws {
        let run = "\"$M\" \(quoted(command)) --quiet --format tsv"
        let expected = try shell("\(run) a c a")
        #expect(expected.status == 0, "\(expected.errors)")
        for line in [
            "printf 'a\\n\\nc\\na\\n' > list; \(run) --files-from list", "printf 'c\\na' | \(run) a --files-from -",
            "printf 'a\\0c\\0a\\0' | \(run) --files-from - -0", "printf 'a\\0c\\0a' | \(run) --from0 --files-from=-",
        ] {
            let result = try shell(line)
            #expect(result.status == 0 && result.output == expected.output, "\(line): \(result.errors)")
        }
    }

    @Test(
        arguments: [
            ("score --files-from absent", 1, "absent: no such file or directory"),
            ("score --files-from /dev/null", 1, "/dev/null: "),
            ("score --files-from -", 1, "standard input: "),
            ("score a -0", 64, "score: --from0 requires --files-from"),
            ("score --format json", 64, "score: missing argument <checkpoints> ..., or --files-from <file>"),
            ("score - --files-from -", 64, "score: standard input can be read only once"),
            ("eval a --data x.npz --files-from list --logits l.npy", 64, "eval: --logits takes one checkpoint"),
            ("score --files-from . ", 1, ".: "),
        ] as [(String, Int32, String)])
    func aListThatCannotBeReadIsOneLine(line: String, status: Int32, message: String) throws {
        let result = try shell("\"$M\" \(line) < /dev/null")
        #expect(result.status == status && result.output.isEmpty, "\(result.errors)")
        #expect(result.errors.hasPrefix("modinspect: " + message) && result.errors.split(separator: "\n").count == 1, "\(result.errors)")
    }

    @Test func aListOfOneKeepsItsFailure() throws {
        let result = try shell("echo b | \"$M\" score --files-from - --format tsv")
        #expect(result.status == 1 && result.rows.count == 2 && result.rows[1].last == "failed")
        #expect(try shell("printf -- '-\\n' | \"$M\" score --files-from - --format tsv").errors.contains("standard input"))
    }

    @Test func aModelWithoutAllOfItsFilesHasFailed() throws {
        try TemporaryFolder.with { folder throws in
            try FileManager.default.copyItem(atPath: Fixtures.path("audit/sharded"), toPath: folder + "/m")
            let last = try #require(
                try FileManager.default.contentsOfDirectory(atPath: folder + "/m").filter { $0.hasSuffix(".safetensors") }.max())
            try FileManager.default.removeItem(atPath: folder + "/m/" + last)
            for line in ["score m", "score -r m", "compare m whole", "compare whole m", "convert m -o out.tar", "compare whole m whole"] {
                let result = try BuiltCommand.shell(
                    "cd \"$1\" || exit; cp \"$2\" whole; \"$M\" \(line) --quiet; s=$?; ls out.tar 2> /dev/null; exit $s", folder,
                    Fixtures.path("mlp.safetensors"))
                #expect(result.status == 1, "\(line)")
                let errors = result.errors.split(separator: "\n")
                #expect(errors.first?.hasPrefix("modinspect: m") == true, "\(line): \(result.errors)")
                #expect(errors.first?.contains(": is incomplete, expected 8 tensors, found ") == true, "\(line): \(result.errors)")
                #expect(errors.first?.hasSuffix(" without those in \(last)") == true, "\(line): \(result.errors)")
                #expect(!result.text.contains("out.tar"))
            }
            // What is there is described, and can be scored by itself.
            #expect(try BuiltCommand.run("info", folder + "/m").status == 0)
        }
    }

    @Test func bothSidesOfAComparisonAreNamed() throws {
        let result = try shell("\"$M\" compare a absent --format json")
        #expect(result.status == 1)
        let inputs = try #require(try object(result.text)["inputs"] as? [[String: Any]])
        #expect(inputs.map { $0["path"] as? String } == ["a", "absent"])
        #expect((inputs[1]["error"] as? [String: Any])?["what"] as? String == "no such file or directory")
        #expect(try shell("\"$M\" compare a absent --format tsv").rows.map(\.last) == ["status", "failed"])
        #expect(try shell("\"$M\" compare a absent").text == "A  a\nB  absent\n  failed: no such file or directory\n")
        let whole = try shell("\"$M\" compare a c --format tsv")
        #expect(Set(whole.rows.dropFirst().map(\.last)) == ["ok"])
    }

    @Test func circuitsThatCanBeReadAreCompared() throws {
        let files = [Fixtures.path("circuits/hand.jsonl"), "absent", Fixtures.path("circuits/masks.npz")]
        let result = try BuiltCommand.run(["circuit", "--compare", "--format", "json"] + files)
        #expect(result.status == 1 && result.errors.hasSuffix("modinspect: 1 of 3 files failed\n"), "\(result.errors)")
        let found = try #require(try object(result.text)["files"] as? [[String: Any]])
        #expect(found.count == 3 && (found[2]["path"] as? String) == "absent" && found[2]["error"] != nil)
        let whole = try BuiltCommand.run(["circuit", "--compare", "--format", "json", files[0], files[2]])
        #expect(whole.status == 0)
        #expect(
            (try object(whole.text)["pairs"] as? [[String: Any]])?.count == (try object(result.text)["pairs"] as? [[String: Any]])?.count)
    }

    /// A pipe that nobody writes to keeps the command waiting after the first checkpoint.
    @Test(arguments: ["json", "jsonl", "tsv", "text"], ["> out", "-o out"]) func whatWasDoneBeforeAnInterruptionIsInTheResult(
        format: String, output: String
    ) throws {
        let whole = try shell("\"$M\" score a c --quiet --format \(format)")
        let result = try shell(
            """
            mkfifo pipe
            env --default-signal=TERM "$M" score a - c -v --format \(format) \(output) 2> err < pipe & command=$!
            exec 3> pipe
            for try in $(seq 1000); do grep -q 'a: done' err && break; sleep 0.02; done
            sleep 0.1
            kill -TERM $command; wait $command; echo "status $?" >&2; tail -n 1 err >&2
            cat out
            """)
        #expect(
            result.errors == "status 143\nmodinspect: interrupted: 1 of 3 checkpoints are in the result\n", "\(result.errors)")
        if format == "json" {
            let checkpoints = try #require(try object(result.text)["checkpoints"] as? [[String: Any]])
            #expect(checkpoints.map { $0["path"] as? String } == ["a"])
        } else {
            #expect(!result.output.isEmpty && whole.text.hasPrefix(result.text))
        }
    }
}

/// `--fail-under`, `--fail-over`, `--per-layer`.
@Suite struct ThresholdTests {
    /// Its clusterability is 0.8396 in fc2, 0.8437 in fc3 and 0.8417 in the mean, its n-cut 1.7246, 1.7240 and 1.7243.
    private static let checkpoint = Fixtures.path("mlp.tar")

    @Test(
        arguments: [
            ("--fail-under 0.84", 0, []), ("--fail-over 0.85", 0, []), ("--fail-under 0.83 --per-layer", 0, []),
            ("--fail-over 1.8 --measure ncut", 0, []), ("--fail-under 0.8 --fail-over 0.9", 0, []),
            ("--fail-under 0.842", 3, ["mean clusterability for 4 clusters, expected at least 0.842, found 0.841"]),
            ("--fail-over 0.84", 3, ["mean clusterability for 4 clusters, expected at most 0.84, found 0.841"]),
            (
                "--fail-under 0.842 --per-layer", 3,
                ["tensor 'fc2.weight': clusterability for 4 clusters, expected at least 0.842, found 0.839"]
            ),
            (
                "--fail-over 1.7 --per-layer --measure ncut", 3,
                [
                    "tensor 'fc2.weight': ncut for 4 clusters, expected at most 1.7, found 1.724",
                    "tensor 'fc3.weight': ncut for 4 clusters, expected at most 1.7, found 1.72",
                ]
            ),
        ] as [(String, Int32, [String])])
    func thresholdsAreHeldByTheMeanOrByEveryLayer(options: String, status: Int32, messages: [String]) throws {
        let result = try BuiltCommand.shell("\"$M\" score \"$1\" --quiet " + options, Self.checkpoint)
        #expect(result.status == status, "\(result.errors)")
        let lines = result.errors.split(separator: "\n")
        #expect(lines.count == messages.count)
        for (line, message) in zip(lines, messages) { #expect(line.hasPrefix("modinspect: \(Self.checkpoint): " + message), "\(line)") }
    }

    @Test(arguments: [
        ("--fail-under 1 --measure ncut", "lower is better for ncut; --fail-under rejects better values"),
        ("--fail-over 1 --measure adjusted", "higher is better for adjusted; --fail-over rejects better values"),
    ])
    func aLimitOnTheBetterSideIsNoted(options: String, note: String) throws {
        let result = try BuiltCommand.shell("\"$M\" score \"$1\" " + options, Self.checkpoint)
        #expect(result.status == 0 && result.errors == "modinspect: note: \(note)\n", "\(result.errors)")
    }

    @Test(arguments: [
        ("--per-layer", "--per-layer requires --fail-under or --fail-over"),
        ("--measure ncut", "--measure requires --fail-under or --fail-over"),
        ("--fail-under nan", "--fail-under: expected a number, found 'nan'"),
        ("--fail-under 2 --fail-over 1", "--fail-under must be at most --fail-over"),
    ])
    func limitsThatMeanNothingAreWrongUsage(options: String, message: String) throws {
        let result = try BuiltCommand.shell("\"$M\" score \"$1\" " + options, Self.checkpoint)
        #expect(result.status == 64 && result.errors == "modinspect: score: \(message)\n", "\(result.errors)")
    }
}
