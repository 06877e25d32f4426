import Foundation
import TestSupport
import Testing

@testable import Datasets

@Suite struct ArrayDataTests {
    private static let colour = try! Normalization("0.4914,0.4822,0.4465,0.247,0.2435,0.2616")

    @Test(arguments: [
        "bytes.npz", "deflated.npz", "fortran.npz", "fortran-bytes.npz", "flat-bytes.npz", "x-f2.npz", "x-f4.npz", "x-i1.npz", "x-b1.npz",
        "x-i8.npz", "y-float.npz", "extra.npz",
    ])
    func npzHasTheValuesOfNumpy(_ name: String) throws {
        let expected = try #require(DataFixtures.expected[name])
        let dataset = try DataFixtures.source(name).open()
        #expect(dataset.values?.shape == expected.shape)
        #expect(dataset.allValues == expected.values)
        #expect(dataset.labels == expected.labels)
        #expect(dataset.hasNoTargets == (expected.labels == nil))
    }

    @Test(arguments: [
        ("bytes.npz", colour), ("deflated.npz", colour), ("fortran-bytes.npz", colour),
        ("fortran.npz", Normalization(means: [0.5], deviations: [2])),
    ])
    func normalisationHasTheBitsOfNumpy(_ name: String, _ normalization: Normalization) throws {
        var source = DataFixtures.source(name)
        source.normalization = normalization
        #expect(try source.open().allValues == DataFixtures.expected[name]?.normalized)
    }

    @Test(arguments: [
        ("bad-fraction.npz", "array 'y': the label of sample 2 is not a whole number, expected a class of at least 0, found 0.5"),
        ("bad-nan.npz", "the label of sample 3 is not a whole number"), ("bad-negative.npz", "the label of sample 2 is negative"),
        ("bad-large.npz", "the label of sample 1 is too large, expected 0 to 2147483647, found 2147483648"),
        ("bad-count.npz", "array 'y': the number of labels differs from the number of samples, expected 4, found 5"),
        ("bad-shape.npz", "labels of the wrong shape, expected [N] or [N, 1], found [4, 2]"),
        ("bad-empty.npz", "array 'x': holds no samples, expected no dimension of 0, found [0, 28, 28]"),
        ("bad-names.npz", "no samples, expected an array x, X or images, found data, target"),
        ("bad-twice.npz", "several arrays for one purpose, expected one of x, X, images, found x, images"),
        ("bad-scalars.npz", "array 'x': samples without a shape, expected [N, ...], found [4]"),
        ("bad-text.npz", "array 'x': unsupported type"),
        ("bad-token.npz", "array 'x': no token id at position 1 of sample 1, expected 0 to 2147483647, found -5"),
        ("bad-large-token.npz", "no token id at position 2 of sample 1, expected 0 to 2147483647, found 1099511627776"),
        ("bad-short.npz", "sequences of one token predict nothing"),
    ])
    func refuses(_ name: String, because words: String) {
        let path = DataFixtures.path(name)
        let text = problem { try DatasetSource(path: path).open() }
        #expect(text?.hasPrefix(path + ": ") == true)
        #expect(text?.contains(words) == true, "\(text ?? "no error")")
    }

    @Test func anArrayWhoseChecksumIsWrongIsRefused() throws {
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: DataFixtures.path("x-f4.npz"))))
        let end = try #require(bytes.indices.dropLast(4).first { Array(bytes[$0..<$0 + 4]) == [0x50, 0x4B, 1, 2] })
        bytes[end - 1] ^= 1
        try TemporaryFolder.with { folder in
            try Data(bytes).write(to: URL(fileURLWithPath: folder + "/d.npz"))
            let text = problem { try DatasetSource(path: folder + "/d.npz").open() }
            #expect(text?.contains("bad CRC") == true, "\(text ?? "no error")")
        }
    }

    @Test func aNormalisationMustFitTheChannels() {
        var source = DataFixtures.source("bytes.npz")
        source.normalization = Normalization(means: [0, 0], deviations: [1, 1])
        let text = problem { try source.open() }
        #expect(
            text?.hasSuffix("the normalization: does not fit the channels of a sample [3, 2, 4], expected 1 or 3 means, found 2") == true,
            "\(text ?? "")")
    }

    @Test func optionsForTokensAreRefusedForValues() {
        var source = DataFixtures.source("bytes.npz")
        source.context = 8
        #expect(problem { try source.open() }?.contains("the context length: is for token ids") == true)
    }

    @Test func labelsGivenTwiceAreRefused() {
        var source = DataFixtures.source("bytes.npz")
        source.labels = DataFixtures.path("answers.npy")
        #expect(problem { try source.open() }?.contains("cannot be combined with the labels in the file itself, array 'y'") == true)
    }

    @Test func labelsMayComeFromOtherKindsOfFiles() throws {
        for (labels, values) in [("answers.npy", [4, 3, 2, 1]), ("labels-idx1-ubyte", [7, 2, 1, 0]), ("extra.npz", [0, 1, 2, 3])]
            as [(String, [Int32])]
        {
            var source = DataFixtures.source("flat-bytes.npz")
            source.labels = DataFixtures.path(labels)
            let dataset = try source.open()
            #expect(dataset.labels == values)
            #expect(dataset.values?.shape == [7])
        }
        var source = DataFixtures.source("flat-bytes.npz")
        source.labels = DataFixtures.path("text.txt")
        #expect(problem { try source.open() }?.contains("no labels, expected IDX, npy or npz") == true)
        source.labels = DataFixtures.path("flat-bytes.npz")
        #expect(problem { try source.open() }?.contains("no labels, expected an array y, Y or labels, found x") == true)
    }

    @Test func missingAndStrangeFilesAreErrors() {
        #expect(problem { try DatasetSource(path: "/nonexistent").open() }?.hasPrefix("/nonexistent: ") == true)
        #expect(problem { try DataFixtures.source("").open() }?.contains("is a directory") == true)
        #expect(problem { try openDataset(Array("<!doctype html><html>".utf8)) }?.contains("begins with '<!doctype html><html>'") == true)
        #expect(problem { try openDataset([1, 2, 3, 0xFF]) }?.contains("begins with 01 02 03 ff") == true)
        #expect(problem { try openDataset([]) } != nil)
    }
}
