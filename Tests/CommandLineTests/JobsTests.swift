import Foundation
import TestSupport
import Testing

/// `score --jobs`: the same bytes as without it, and ends of the processes that do the work.
@Suite struct JobsTests {
    /// Good checkpoints, ones that cannot be read or scored, and names that are awkward in a line.
    private func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
        try TemporaryFolder.with { folder throws in
            let files = FileManager.default
            let copies = [
                "a": "mlp.pt", "b": "cnn.pt", "c": "nan.safetensors", "d e\tf\ng": "mlp-tuned.safetensors", "-h": "gpt2-tiny",
                "é": "mlp.tar",
            ]
            for (name, fixture) in copies { try files.copyItem(atPath: Fixtures.path(fixture), toPath: folder + "/" + name) }
            return try body(folder)
        }
    }

    private func shell(_ line: String, in folder: String) throws -> CommandResult {
        try BuiltCommand.shell("cd \"$1\" || exit; " + line, folder)
    }

    private static let paths = "a absent b c $'d e\\tf\\ng' ./-h é a"

    @Test(arguments: ["text", "tsv", "json", "jsonl", "svg"]) func theResultHasTheSameBytes(format: String) throws {
        try withFolder { folder throws in
            let line = "\"$M\" score \(Self.paths) --format \(format) -k 2,3 --null 2 --fail-under 0.5"
            let alone = try shell(line, in: folder)
            #expect(alone.status == 1 && alone.errors.contains("\nmodinspect: 2 of 8 checkpoints failed\n"), "\(alone.errors)")
            for jobs in [1, 3] {
                let result = try shell("\(line) --jobs \(jobs)", in: folder)
                #expect(result.status == alone.status && result.output == alone.output, "\(jobs)")
                #expect(result.errors == alone.errors, "\(jobs)")
            }
        }
    }

    @Test func aLimitThatIsMissedIsTheStatus() throws {
        try withFolder { folder throws in
            #expect(try shell("\"$M\" score a b --jobs 2 --fail-under 0.5 -q", in: folder).status == 3)
            #expect(try shell("\"$M\" score a b --jobs 2 --fail-under 0.1 -q", in: folder).status == 0)
        }
    }

    @Test func aSingleCheckpointThatFailsIsInTheResult() throws {
        try withFolder { folder throws in
            let result = try shell("\"$M\" score absent --jobs 2 --format tsv", in: folder)
            #expect(result.status == 1 && result.rows.count == 2 && result.rows[1].last == "failed", "\(result.text)")
            #expect(try shell("\"$M\" score absent --jobs 2", in: folder).output.isEmpty)
            #expect(result.errors == "modinspect: absent: no such file or directory\n")
        }
    }

    /// Starts a run in the background in which `big.tar` takes long.
    private func running(_ options: String) -> String {
        "\"$M\" init mlp:64-1024-1024-10 -o big.tar -q && { env --default-signal=TERM \"$M\" score \(options) > out 2> err & } 2> /dev/null; main=$!\n"
    }

    /// Waits until the only worker works on its first checkpoint, which it has used processor time for.
    private static let worker = """
        until worker=$(pgrep -P $main) && [ "$(cut -d ' ' -f 14 /proc/$worker/stat)" -ge 40 ]; do kill -0 $main || exit; sleep 0.05; done

        """
    private static let end = "; wait $main; status=$?; cat err >&2; cat out; exit $status"

    @Test func aCheckpointThatHangsFailsAndTheOthersGoOn() throws {
        try withFolder { folder throws in
            let line = running("big.tar a --jobs 1 --null 50 --timeout 10 --format tsv -q") + Self.worker
            let result = try shell(line + "kill -STOP $worker" + Self.end, in: folder)
            #expect(result.status == 1)
            #expect(result.errors == "modinspect: big.tar: took longer than 10 s\nmodinspect: 1 of 2 checkpoints failed\n")
            let status = result.rows.dropFirst().map { [$0[0], $0.last ?? ""] }
            #expect(status.first == ["big.tar", "failed"] && Set(status.dropFirst()) == [["a", "ok"]])
        }
    }

    @Test func aProcessThatIsKilledIsAFailedCheckpoint() throws {
        try withFolder { folder throws in
            let line = running("big.tar a --jobs 1 --null 50 --format json -q") + Self.worker
            let result = try shell(line + "kill -9 $worker" + Self.end, in: folder)
            #expect(result.status == 1)
            #expect(result.errors.contains("modinspect: big.tar: the process that worked on it was ended by SIGKILL\n"), "\(result.errors)")
            let json = try #require(try JSONSerialization.jsonObject(with: result.output) as? [String: Any])
            let checkpoints = try #require(json["checkpoints"] as? [[String: Any]])
            #expect(checkpoints.map { $0["path"] as? String } == ["big.tar", "a"])
            #expect((checkpoints[0]["error"] as? [String: Any])?["what"] as? String == "the process that worked on it was ended by SIGKILL")
            #expect(checkpoints[1]["results"] != nil)
        }
    }

    /// What is done when a signal comes is in the result, in the order of the arguments.
    @Test func anInterruptionKeepsWhatIsDone() throws {
        try withFolder { folder throws in
            let line = running("a big.tar b é --jobs 2 --null 200 --format tsv -q")
            let result = try shell(
                line + "until [ -s out ]; do kill -0 $main || exit; sleep 0.1; done; sleep 2; kill -TERM $main; "
                    + "wait $main 2> /dev/null; echo $? >&2; cat err >&2; cat out", in: folder)
            let paths = result.rows.dropFirst().map { $0[0] }.reduce(into: [String]()) { if $0.last != $1 { $0.append($1) } }
            #expect(["a", "b", "é"].starts(with: paths) && !paths.isEmpty, "\(paths)")
            let lines = result.errors.split(separator: "\n").map(String.init)
            #expect(lines == ["143", "modinspect: interrupted: \(paths.count) of 4 checkpoints are in the result"])
        }
    }

    @Test(
        arguments: [
            ("a b --timeout 3", "--timeout requires --jobs"), ("a b --memory 1G", "--memory requires --jobs"),
            ("a b --jobs 0", "--jobs must be between 1 and 1024"),
            ("a b --jobs 2 --memory 2M", "--memory must be at least 16M, which a process needs to start, found '2M'"),
            ("- --jobs 2 < a", "--jobs needs the names of files: no other process can read this one's standard input"),
            ("a --jobs 2 --clusters - < a", "--jobs needs a file for --clusters, which every process reads, found '-'"),
        ]) func wrongUsageIsOneLine(arguments: String, message: String) throws
    {
        try withFolder { folder throws in
            let result = try shell("\"$M\" score \(arguments)", in: folder)
            #expect(result.status == 64 && result.text.isEmpty)
            #expect(result.errors == "modinspect: score: \(message)\n")
        }
    }
}
