import Foundation
import TestSupport
import Testing

/// Files that other processes truncate or rewrite while a command reads them.
@Suite struct CutFileTests {
    /// A model of two layers of 8 MB, each weight 0.747.
    private static func writeCheckpoint(in folder: String) throws {
        let header = Data(
            #"""
            {"a.weight":{"dtype":"F32","shape":[2048,1024],"data_offsets":[0,8388608]},
            "b.weight":{"dtype":"F32","shape":[2048,1024],"data_offsets":[8388608,16777216]}}
            """#.utf8)
        var file = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) }
        file.append(header)
        file.append(Data(repeating: 0x3F, count: 1 << 24))
        try file.write(to: URL(fileURLWithPath: folder + "/m.safetensors"))
    }

    private static func expectOneLine(_ result: CommandResult, naming name: String) {
        let size = (1 << 24) + 8
        #expect(
            result.errors.hasPrefix("modinspect: \(name): the file was cut short while it was read, expected \(String(size).prefix(4))"),
            "\(result.errors)")
        #expect(result.errors.hasSuffix(" bytes, found 5000\n"), "\(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 1)
    }

    /// The edges of the first rows are held up in a pipe while the file is cut.
    @Test(arguments: ["m.safetensors", "- < m.safetensors"]) func aCheckpointThatIsCutShortIsOneLine(input: String) throws {
        try TemporaryFolder.with { folder in
            try Self.writeCheckpoint(in: folder)
            let result = try BuiltCommand.shell(
                """
                cd "$1"; mkfifo edges
                "$M" graph \(input) --layers all > edges & process=$!
                exec 3< edges
                head -c 1000 <&3 > /dev/null
                truncate -s 5000 m.safetensors
                cat <&3 > /dev/null
                wait $process; echo $?
                """, folder)
            #expect(result.text == "1\n")
            Self.expectOneLine(result, naming: input.hasPrefix("-") ? "-" : input)
        }
    }

    /// All ids are 0 when they are checked, and beyond the vocabulary when they are used.
    @Test func tokensThatChangeMeanwhileAreOneLine() throws {
        try TemporaryFolder.with { folder in
            let result = try BuiltCommand.shell(
                """
                cd "$1"; : > errors; truncate -s 100M tokens.bin
                "$M" eval "$2" --data tokens.bin --context 8 --batch 1 --progress > out 2> errors & process=$!
                until grep -q eval errors; do kill -0 $process || { cat errors >&2; exit 9; }; done
                head -c 100M /dev/zero | tr '\\0' '\\377' | dd of=tokens.bin conv=notrunc status=none
                wait $process; echo $?
                cat out; tail -n 1 errors
                """, folder, Fixtures.path("transformers/gpt2"))
            #expect(result.text == "1\nmodinspect: tokens.bin: the file changed while it was read\n", "\(result.errors)")
        }
    }
}
