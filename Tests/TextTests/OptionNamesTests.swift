import Foundation
import Testing

/// The command line alone knows what its options are called: everything below it says what a problem is about with a `Setting`, and what can be
/// done with a `Hint`.
@Suite struct OptionNamesTests {
    @Test func onlyCommandsNameOptions() throws {
        let sources = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Sources").standardized
        let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
        var read = 0
        for case let file as URL in files where file.pathExtension == "swift" {
            let path = file.path.dropFirst(sources.path.count)
            guard !path.hasPrefix("/ModinspectCommands/") else { continue }
            // Style sheets, whose custom properties begin as options do.
            guard !path.hasPrefix("/Pages/") else { continue }
            read += 1
            for (number, line) in try String(contentsOf: file, encoding: .utf8).split(separator: "\n", omittingEmptySubsequences: false)
                .enumerated()
            {
                #expect(!Self.namesOption(line), "\(path):\(number + 1): \(line)")
            }
        }
        #expect(read > 100)
    }

    @Test(arguments: [("\"--key KEY picks one\"", true), ("/// `--layers all`", true), ("a --b", true), ("i -= 1", false), ("x--y", false)])
    func optionsAreFound(text: String, isFound: Bool) { #expect(Self.namesOption(text) == isFound) }

    /// Two dashes and a letter at the start of a word.
    private static func namesOption(_ line: some StringProtocol) -> Bool {
        let bytes = Array(line.utf8)
        func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }
        return bytes.indices.dropLast(2).contains { i in
            bytes[i] == 0x2D && bytes[i + 1] == 0x2D && isLetter(bytes[i + 2])
                && (i == 0 || !isLetter(bytes[i - 1]) && bytes[i - 1] != 0x2D)
        }
    }
}
