import Foundation
import TestSupport
import Testing

/// What a command leaves behind when it is interrupted, and how it fails in an environment that lacks something.
@Suite struct InterruptionTests {
    /// Cuts a command off as soon as it has begun to write a directory.
    private func cutOff(_ signal: String, in folder: String) throws -> CommandResult {
        try BuiltCommand.shell(
            """
            cd "$1"
            ulimit -c 0
            env --default-signal=INT,TERM,HUP,QUIT "$M" init mlp:5000-5000-5000 -o dir --quiet & process=$!
            until compgen -G '.modinspect.*' > /dev/null; do kill -0 $process || exit 9; done
            kill -$2 $process
            wait $process
            echo $?
            ls -A
            """, folder, signal)
    }

    @Test(arguments: [("INT", 130), ("TERM", 143), ("HUP", 129), ("QUIT", 131)]) func aSignalLeavesNothing(signal: String, status: Int)
        throws
    {
        try TemporaryFolder.with { folder in
            var result = try cutOff(signal, in: folder)
            // On a busy machine the command may finish before it is ended.
            for _ in 0..<20 where result.text == "0\ndir\n" {
                try FileManager.default.removeItem(atPath: folder + "/dir")
                result = try cutOff(signal, in: folder)
            }
            #expect(result.text == "\(status)\n", "\(result.text) \(result.errors)")
        }
    }

    @Test func whatAKilledProcessLeftIsRemovedByTheNext() throws {
        try TemporaryFolder.with { folder in
            let result = try cutOff("KILL", in: folder)
            #expect(result.text.hasPrefix("137\n.modinspect."), "\(result.text) \(result.errors)")
            let next = try BuiltCommand.run("init", "mlp:3-2", "-o", folder + "/other.tar")
            #expect(next.status == 0, "\(next.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["other.tar"])
        }
    }

    @Test func aReplacedDirectoryIsThereAtAnyMoment() throws {
        try TemporaryFolder.with { folder in
            let result = try BuiltCommand.shell(
                """
                cd "$1" && "$M" init mlp:3-2 -o dir && (while [ ! -e stop ]; do [ -d dir ] || echo gone; done) & watcher=$!
                cd "$1"; until [ -e dir/model.safetensors ]; do :; done
                for seed in 1 2 3 4 5; do "$M" init mlp:3-2 -o dir --seed $seed --force || exit; done
                touch stop; wait $watcher; ls -A
                """, folder)
            #expect(result.text == "dir\nstop\n", "\(result.text) \(result.errors)")
        }
    }

    @Test(arguments: ["--version", "--help", "score --help", "--generate-completion-script bash", "--experimental-dump-help"])
    func anAnswerThatCannotBeWrittenIsStatus1(arguments: String) throws {
        let result = try BuiltCommand.shell("\"$M\" \(arguments) > /dev/full")
        #expect(result.status == 1)
        #expect(result.errors == "modinspect: standard output: cannot write: no space left on device\n")
        #expect(try BuiltCommand.shell("\"$M\" \(arguments) >&-").status == 1)
        let written = try BuiltCommand.shell("\"$M\" \(arguments)")
        #expect(written.status == 0 && written.output.count > 5 && written.errors.isEmpty)
    }

    private static let canHideProc: Bool = {
        (try? BuiltCommand.shell("unshare -m sh -c 'mount -t tmpfs none /proc'"))?.status == 0
    }()

    @Test(.enabled(if: canHideProc, "needs the right to mount")) func nothingNeedsProc() throws {
        try TemporaryFolder.with { folder in
            let plain = try BuiltCommand.run("score", Fixtures.path("mlp.tar"), "--format", "tsv")
            let result = try BuiltCommand.shell(
                """
                unshare -m sh -c 'mount -t tmpfs none /proc && "$M" score "$0" --format tsv && cd "$1" &&
                "$M" score "$0" --format tsv -o file && "$M" init mlp:3-2 -o dir --quiet && ls -A' "$1" "$2"
                """, Fixtures.path("mlp.tar"), folder)
            #expect(result.text == plain.text + "dir\nfile\n", "\(result.text) \(result.errors)")
            #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/file")) == plain.output)
        }
    }
}
