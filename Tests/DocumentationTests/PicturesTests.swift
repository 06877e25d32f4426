import Foundation
import FoundationXML
import TestSupport
import Testing

/// The pictures of the README and the manual.
@Suite struct PicturesTests {
    private static let folder = Document.root + "/man/pictures"

    @Test func everyPictureIsSmallAndNamedWhereItIsShown() throws {
        let texts = try ["README.md", "man/modinspect-tour.7"].map { try Document($0).lines.joined(separator: "\n") }.joined()
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder)
        #expect(!names.isEmpty)
        for name in names {
            #expect(name.hasSuffix(".svg") && texts.contains(name), "\(name)")
            let bytes = try Data(contentsOf: URL(fileURLWithPath: Self.folder + "/" + name))
            #expect(bytes.count < 100_000, "\(name)")
            #expect(XMLParser(data: bytes).parse(), "\(name)")
        }
    }
}
