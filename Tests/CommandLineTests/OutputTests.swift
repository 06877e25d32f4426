import Foundation
import TestSupport
import Testing

@Suite struct OutputTests {
    private let checkpoint = Fixtures.path("mlp.tar")

    @Test func aFullDiskIsStatus1() throws {
        let result = try BuiltCommand.shell("\"$M\" graph \"$1\" > /dev/full", checkpoint)
        #expect(result.status == 1)
        #expect(result.errors == "modinspect: standard output: cannot write: no space left on device\n")
    }

    @Test func aClosedStandardOutputIsStatus1AndTouchesNoFile() throws {
        let result = try BuiltCommand.shell("\"$M\" score \"$1\" >&-", checkpoint)
        #expect(result.status == 1)
        #expect(result.errors == "modinspect: standard output: cannot write: bad file descriptor\n")
    }

    @Test func aNameThatIsNotUTF8IsNeverAnotherFile() throws {
        try TemporaryFolder.with { folder in
            let result = try BuiltCommand.shell(
                "cd \"$2\" && \"$M\" score \"$1\" -o $'out\\xff'; status=$?; ls; exit $status", checkpoint, folder)
            #expect(result.status == 64)
            #expect(result.output.isEmpty)
            #expect(result.errors.split(separator: "\n").count == 1 && result.errors.contains("is not UTF-8"))
        }
    }

    @Test func aClosedStandardInputIsStatus1() throws {
        let result = try BuiltCommand.shell("\"$M\" score - <&-")
        #expect(result.status == 1)
        #expect(result.errors.split(separator: "\n").count == 1)
    }

    @Test func aClosedStandardErrorChangesNothing() throws {
        let open = try BuiltCommand.run("score", checkpoint)
        let closed = try BuiltCommand.shell("\"$M\" score \"$1\" 2>&-", checkpoint)
        #expect(closed.status == 0)
        #expect(closed.text == open.text)
    }

    @Test func anArchiveOnStandardInputIsRead() throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("mlp.tar.zst")))
        let piped = try BuiltCommand.run("score", "-", "--format", "tsv", input: data)
        let direct = try BuiltCommand.run("score", checkpoint, "--format", "tsv")
        #expect(piped.status == 0, "\(piped.errors)")
        #expect(piped.rows.map { $0.dropFirst() } == direct.rows.map { $0.dropFirst() })
    }

    @Test func aFileHoldsWhatStandardOutputWouldAndNothingLiesBesideIt() throws {
        let expected = try BuiltCommand.run("score", checkpoint)
        try TemporaryFolder.with { folder in
            let result = try BuiltCommand.run("score", checkpoint, "-o", folder + "/scores")
            #expect(result.status == 0)
            #expect(result.output.isEmpty)
            #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/scores")) == expected.output)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["scores"])
        }
    }

    @Test func aFailureLeavesTheOldFileAlone() throws {
        try TemporaryFolder.with { folder in
            try Data("old".utf8).write(to: URL(fileURLWithPath: folder + "/scores"))
            let result = try BuiltCommand.run("score", Fixtures.path("nan.npz"), "-o", folder + "/scores")
            #expect(result.status == 1)
            #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/scores")) == Data("old".utf8))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["scores"])
            _ = try BuiltCommand.run("score", Fixtures.path("nan.npz"), "-o", folder + "/new")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["scores"])
        }
    }

    @Test func aLinkStaysALinkAndPermissionsStay() throws {
        try TemporaryFolder.with { folder in
            let result = try BuiltCommand.shell(
                """
                cd "$2" && mkdir sub && echo old > sub/file && chmod 640 sub/file && ln -s sub/file link && ln -s sub/later dangling
                "$M" score "$1" -o link && "$M" score "$1" -o dangling && stat -c '%F %a' link sub/file sub/later && ls -A . sub
                """, checkpoint, folder)
            #expect(result.status == 0, "\(result.errors)")
            let lines = result.text.split(separator: "\n", omittingEmptySubsequences: false)
            #expect(lines[0].hasPrefix("symbolic link"))
            #expect(lines[1] == "regular file 640")
            #expect(lines[3...].joined(separator: " ") == ".: dangling link sub  sub: file later ")
        }
    }

    @Test func aDirectoryIsNoFile() throws {
        try TemporaryFolder.with { folder in
            let result = try BuiltCommand.run("score", checkpoint, "-o", folder)
            #expect(result.status == 1)
            #expect(result.errors == "modinspect: \(folder): is a directory, expected a file to write\n")
        }
    }

    @Test func aDeviceIsWrittenAsItIs() throws {
        let result = try BuiltCommand.shell(
            "\"$M\" score \"$1\" -o /dev/null && test -c /dev/null && \"$M\" score \"$1\" -o /dev/full", checkpoint)
        #expect(result.status == 1)
        #expect(result.errors == "modinspect: /dev/full: cannot write: no space left on device\n")
        let whole = try BuiltCommand.shell("\"$M\" score \"$1\" -o -", checkpoint)
        #expect(whole.text.contains("fc2.weight"))
    }

    @Test func progressIsShownWhereItIsAskedFor() throws {
        let shown = try BuiltCommand.run("score", checkpoint, "--progress")
        #expect(shown.errors.contains("100%"))
        #expect(try BuiltCommand.run("score", checkpoint).errors.isEmpty)
    }

    @Test func helpAndVersionAreSuccess() throws {
        for arguments in [["--help"], ["--version"], ["score", "--help"], ["help", "graph"], ["--generate-completion-script", "bash"]] {
            let result = try BuiltCommand.run(arguments)
            #expect(result.status == 0)
            #expect(!result.output.isEmpty)
            #expect(result.errors.isEmpty)
        }
    }
}
